#include "ring_memory.h"

uint64_t ring_load64(const void *word) { return __atomic_load_n((const uint64_t *)word, __ATOMIC_ACQUIRE); }
uint32_t ring_load32(const void *word) { return __atomic_load_n((const uint32_t *)word, __ATOMIC_ACQUIRE); }
void ring_store64(void *word, uint64_t value) { __atomic_store_n((uint64_t *)word, value, __ATOMIC_RELEASE); }
void ring_fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
