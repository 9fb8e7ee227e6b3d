// execs OBJECT: prints every execution as it happens, `PID ARGUMENTS`: what a monitor must do at the very least.
//
// The limit that tocsin is compared with. One read of the ring is one write of the output, as a program that cares for
// latency and for throughput would do it. Prints "ready" first.

#include <bpf/libbpf.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "execs.h"

static char output[1 << 16];
static size_t filled;

static void flush(void) {
    for (size_t written = 0; written < filled;) {
        ssize_t count = write(STDOUT_FILENO, output + written, filled - written);
        if (count < 0) err(1, "write");
        written += (size_t)count;
    }
    filled = 0;
}

static int take(void *context, void *data, size_t size) {
    (void)context;
    (void)size;
    const struct execution *execution = data;
    if (sizeof output - filled < sizeof *execution + 16) flush();
    filled += (size_t)sprintf(output + filled, "%u ", execution->pid);
    for (__u32 index = 0; index < execution->size; index++)
        output[filled++] = execution->arguments[index] ? execution->arguments[index] : ' ';
    output[filled++] = '\n';
    return 0;
}

int main(int argc, char **argv) {
    if (argc != 2) errx(2, "usage: execs OBJECT");
    struct bpf_object *object = bpf_object__open_file(argv[1], NULL);
    if (!object || bpf_object__load(object)) errx(1, "%s cannot be loaded", argv[1]);
    struct bpf_program *program = bpf_object__find_program_by_name(object, "told");
    if (!program || !bpf_program__attach(program)) errx(1, "the probe cannot be attached");
    struct ring_buffer *ring = ring_buffer__new(bpf_object__find_map_fd_by_name(object, "ring"), take, NULL, NULL);
    if (!ring) errx(1, "the ring buffer cannot be mapped");
    if (write(STDOUT_FILENO, "ready\n", 6) != 6) err(1, "write");
    while (ring_buffer__poll(ring, -1) >= 0) flush();
    return 1;
}
