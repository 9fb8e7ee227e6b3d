#pragma once

#include <linux/types.h>

#define ARGUMENTS_SIZE 224

/// What the probe tells of an execution.
struct execution {
    __u32 pid;
    /// Bytes of arguments that follow, each ended by NUL.
    __u32 size;
    char arguments[ARGUMENTS_SIZE];
};
