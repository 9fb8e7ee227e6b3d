// Loads a Varlink server that answers each call with one message, or each subscription with many.
//
// client read SOCKET PENDING SECONDS [OPEN EVENTS]
//     Keeps PENDING calls of Read in flight on one connection for SECONDS. Prints events, nanoseconds in all, and the
//     round trip's p50 and p99 in nanoseconds. OPEN is a call that is made first, after which EVENTS can be read; the
//     connection is opened anew whenever they are used up.
//
// client subscribe SOCKET COUNT [FILTER]
//     COUNT connections, each with one subscription; FILTER is its JSON, in which % becomes the connection's number. Says
//     "ready" when all are answered. After the end of standard input it ends as soon as nothing comes any more, and
//     prints messages and bytes received.

#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MOST_PENDING 1024
#define MOST_SAMPLES (1 << 20)

static char buffer[1 << 18];

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static int open_socket(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) errx(2, "%s: too long for a socket", path);
    strcpy(address.sun_path, path);
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0 || connect(descriptor, (struct sockaddr *)&address, sizeof address)) err(1, "%s", path);
    return descriptor;
}

static void send_all(int descriptor, const char *bytes, size_t size) {
    while (size) {
        ssize_t count = write(descriptor, bytes, size);
        if (count < 0) err(1, "write");
        bytes += count;
        size -= (size_t)count;
    }
}

/// Messages (NUL bytes) that one read brought.
static size_t receive(int descriptor, size_t *bytes) {
    ssize_t count = read(descriptor, buffer, sizeof buffer);
    if (count == 0) errx(1, "the server closed the connection");
    if (count < 0) err(1, "read");
    *bytes += (size_t)count;
    size_t messages = 0;
    for (const char *at = buffer; (at = memchr(at, 0, (size_t)(buffer + count - at))); at++) messages++;
    return messages;
}

static int compare(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static void make_call(int descriptor, const char *call) {
    size_t bytes = 0;
    send_all(descriptor, call, strlen(call) + 1);
    while (!receive(descriptor, &bytes)) {}
    if (strstr(buffer, "\"error\"")) errx(1, "%s", buffer);
}

static void read_events(const char *path, size_t pending, double seconds, const char *open, uint64_t available) {
    static const char call[] = "{\"method\":\"io.tocsin.Events.Read\"}";
    static char calls[MOST_PENDING * sizeof call];
    static uint64_t sent[MOST_PENDING], samples[MOST_SAMPLES];
    if (!pending || pending > MOST_PENDING) errx(2, "expected from 1 to %d pending reads", MOST_PENDING);
    for (size_t index = 0; index < pending; index++) memcpy(calls + index * sizeof call, call, sizeof call);

    uint64_t events = 0, elapsed = 0, limit = (uint64_t)(seconds * 1e9);
    size_t bytes = 0, sampled = 0;
    do {
        int descriptor = open_socket(path);
        if (open) make_call(descriptor, open);
        // Round-robin: replies come in the order of the calls. Calls are made only for events that are there.
        uint64_t left = available, asked = left < pending ? left : pending, received = 0;
        uint64_t begin = now();
        for (size_t index = 0; index < asked; index++) sent[index] = begin;
        send_all(descriptor, calls, asked * sizeof call);
        for (uint64_t made = asked; received < made;) {
            size_t messages = receive(descriptor, &bytes);
            uint64_t time = now();
            for (size_t index = 0; index < messages; index++, received++)
                if (sampled < MOST_SAMPLES) samples[sampled++] = time - sent[received % pending];
            uint64_t more = available - made < messages ? available - made : messages;
            if (time - begin + elapsed >= limit) more = 0;
            if (!more) continue;
            time = now();
            for (uint64_t index = 0; index < more; index++) sent[(made + index) % pending] = time;
            send_all(descriptor, calls, more * sizeof call);
            made += more;
        }
        elapsed += now() - begin;
        events += received;
        close(descriptor);
    } while (elapsed < limit);

    qsort(samples, sampled, sizeof *samples, compare);
    printf("%llu %llu %llu %llu\n", (unsigned long long)events, (unsigned long long)elapsed,
           (unsigned long long)samples[sampled / 2], (unsigned long long)samples[sampled * 99 / 100]);
}

static void subscribe(const char *path, int count, const char *filter) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    int poll = epoll_create1(EPOLL_CLOEXEC);
    if (poll < 0) err(1, "epoll_create1");
    for (int index = 0; index < count; index++) {
        int descriptor = open_socket(path);
        char call[4096] = "{\"method\":\"io.tocsin.Events.Subscribe\",\"more\":true", *end = call + strlen(call);
        if (filter) {
            end += sprintf(end, ",\"parameters\":{\"filter\":");
            for (const char *at = filter; *at; at++)
                if (*at == '%') end += sprintf(end, "%d", index); else *end++ = *at;
            *end++ = '}';
        }
        strcpy(end, "}");
        make_call(descriptor, call);
        struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};
        if (epoll_ctl(poll, EPOLL_CTL_ADD, descriptor, &event)) err(1, "epoll_ctl");
    }
    struct epoll_event event = {.events = EPOLLIN, .data.fd = STDIN_FILENO};
    if (epoll_ctl(poll, EPOLL_CTL_ADD, STDIN_FILENO, &event)) err(1, "standard input");
    puts("ready");
    fflush(stdout);
    uint64_t messages = 0;
    size_t bytes = 0;
    for (int ending = 0;;) {
        struct epoll_event events[256];
        int ready = epoll_wait(poll, events, 256, ending ? 500 : -1);
        if (ready < 0 && errno != EINTR) err(1, "epoll_wait");
        if (ready == 0) break;
        for (int index = 0; index < ready; index++) {
            if (events[index].data.fd == STDIN_FILENO) {
                ending = 1;
                epoll_ctl(poll, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
            } else {
                messages += receive(events[index].data.fd, &bytes);
            }
        }
    }
    printf("%llu %zu\n", (unsigned long long)messages, bytes);
}

int main(int argc, char **argv) {
    if ((argc == 5 || argc == 7) && !strcmp(argv[1], "read"))
        read_events(argv[2], strtoul(argv[3], NULL, 10), strtod(argv[4], NULL), argc == 7 ? argv[5] : NULL,
                    argc == 7 ? strtoull(argv[6], NULL, 10) : UINT64_MAX);
    else if ((argc == 4 || argc == 5) && !strcmp(argv[1], "subscribe"))
        subscribe(argv[2], atoi(argv[3]), argc == 5 ? argv[4] : NULL);
    else
        errx(2, "usage: client read SOCKET PENDING SECONDS [OPEN EVENTS] | client subscribe SOCKET COUNT [FILTER]");
    return 0;
}
