// What the storm starts: ends at once. Static and without a C library, so that a start costs little but the kernel's work.

void _start(void) {
#if defined(__x86_64__)
    __asm__ volatile("xor %%edi, %%edi\n mov $60, %%eax\n syscall" ::: "memory");
#elif defined(__aarch64__)
    __asm__ volatile("mov x0, 0\n mov x8, 93\n svc 0" ::: "memory");
#else
#error "exit(2) is not written for this processor"
#endif
    __builtin_unreachable();
}
