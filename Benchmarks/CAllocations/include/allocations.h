#pragma once

#include <stdint.h>

/// Allocations of the whole process until now: malloc, calloc, realloc and aligned ones.
uint64_t allocation_count(void);
