// collect OUTPUT [SOCKET]
//
// Takes what a monitor puts out, from standard input or as a subscriber of SOCKET to executions, and notes when each piece
// of it came. Everything stays in memory until the end (end of input or SIGTERM), so that collecting disturbs little. Then OUTPUT
// gets the bytes and OUTPUT.times one line per read: bytes so far, nanoseconds of CLOCK_MONOTONIC.

#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

// Address space, of which only what is written becomes memory.
#define MOST_BYTES ((size_t)1 << 30)
#define MOST_READS ((size_t)4 << 20)

struct arrival {
    uint64_t end, time;
};

static volatile sig_atomic_t ended;

static void end(int signal) {
    (void)signal;
    ended = 1;
}

static void *reserve(size_t size) {
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) err(1, "mmap");
    return memory;
}

static int subscribe(const char *path) {
    // What the other monitors tell of.
    static const char call[] = "{\"method\":\"io.tocsin.Events.Subscribe\",\"more\":true,"
                               "\"parameters\":{\"filter\":{\"types\":[\"exec\"]}}}";
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) errx(2, "%s: too long for a socket", path);
    strcpy(address.sun_path, path);
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0 || connect(descriptor, (struct sockaddr *)&address, sizeof address)) err(1, "%s", path);
    if (write(descriptor, call, sizeof call) != sizeof call) err(1, "%s", path);
    return descriptor;
}

int main(int argc, char **argv) {
    if (argc != 2 && argc != 3) errx(2, "usage: collect OUTPUT [SOCKET]");
    // Without SA_RESTART: the signal is to end the read.
    struct sigaction action = {.sa_handler = end};
    sigaction(SIGTERM, &action, NULL);

    char *bytes = reserve(MOST_BYTES);
    struct arrival *arrivals = reserve(MOST_READS * sizeof *arrivals);
    size_t size = 0, reads = 0;
    int input = argc == 3 ? subscribe(argv[2]) : STDIN_FILENO;
    while (!ended && reads < MOST_READS && size < MOST_BYTES) {
        size_t room = MOST_BYTES - size;
        ssize_t count = read(input, bytes + size, room < 65536 ? room : 65536);
        if (count == 0) break;
        if (count < 0) {
            if (errno == EINTR) continue;
            err(1, "read");
        }
        struct timespec time;
        clock_gettime(CLOCK_MONOTONIC, &time);
        size += (size_t)count;
        arrivals[reads++] =
            (struct arrival){size, (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec};
    }

    FILE *output = fopen(argv[1], "w");
    if (!output || fwrite(bytes, 1, size, output) != size || fclose(output)) err(1, "%s", argv[1]);
    char *name;
    if (asprintf(&name, "%s.times", argv[1]) < 0) err(1, "asprintf");
    output = fopen(name, "w");
    if (!output) err(1, "%s", name);
    for (size_t index = 0; index < reads; index++)
        fprintf(output, "%llu %llu\n", (unsigned long long)arrivals[index].end,
                (unsigned long long)arrivals[index].time);
    if (fclose(output)) err(1, "%s", name);
    return 0;
}
