#ifndef TOCSIN_RING_MEMORY_H
#define TOCSIN_RING_MEMORY_H

#include <stdint.h>

// Words that the kernel reads or writes at the same time (kernel/bpf/ringbuf.c). Swift's Atomic owns its memory and
// cannot be laid over a mapping.

/// Acquires.
uint64_t ring_load64(const void *word);
/// Acquires.
uint32_t ring_load32(const void *word);
/// Releases.
void ring_store64(void *word, uint64_t value);

/// Between the store of the reader's wish to be woken and its last look at the ring: a probe looks at the wish after it
/// committed its record, and only where both sides do so in this order does one see the other.
void ring_fence(void);

#endif
