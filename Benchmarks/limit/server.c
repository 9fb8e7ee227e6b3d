// server SOCKET REPLY [each]: the least that completes reads. Every message from a client is answered with the bytes of
// the file REPLY; the answers to what one read brought are one write, or with "each" a write each. A message that holds "more" makes its connection a subscriber, and a number N
// on standard input sends the bytes to all subscribers N times, as N events one after another. Says "ready" first, and
// "done" after each number.
//
// The limit that tocsin's reverse channel is compared with: the same bytes both ways, nothing parsed, nothing decided.

#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MOST_CONNECTIONS 4096
#define MOST_REPLIES 1024

static char reply[1 << 16], *replies;
static size_t reply_size;
static int subscribers[MOST_CONNECTIONS];
static int subscriber_count;
static int writes_each;

static void send_all(int descriptor, const char *bytes, size_t size) {
    while (size) {
        ssize_t count = write(descriptor, bytes, size);
        if (count < 0) err(1, "write");
        bytes += count;
        size -= (size_t)count;
    }
}

static void serve(int descriptor) {
    static char buffer[1 << 16];
    ssize_t count = read(descriptor, buffer, sizeof buffer);
    if (count <= 0) {
        close(descriptor);
        return;
    }
    size_t messages = 0;
    for (const char *at = buffer; (at = memchr(at, 0, (size_t)(buffer + count - at))); at++) messages++;
    if (memmem(buffer, (size_t)count, "\"more\"", 6)) {
        if (subscriber_count == MOST_CONNECTIONS) errx(1, "too many subscribers");
        subscribers[subscriber_count++] = descriptor;
    }
    if (messages > MOST_REPLIES) errx(1, "too many calls at a time");
    if (!writes_each) send_all(descriptor, replies, messages * reply_size);
    else
        while (messages--) send_all(descriptor, reply, reply_size);
}

static int publish(void) {
    char line[64];
    ssize_t count = read(STDIN_FILENO, line, sizeof line - 1);
    if (count <= 0) return 0;
    line[count] = 0;
    for (int event = atoi(line); event > 0; event--)
        for (int index = 0; index < subscriber_count; index++) send_all(subscribers[index], reply, reply_size);
    puts("done");
    fflush(stdout);
    return 1;
}

int main(int argc, char **argv) {
    if (argc != 3 && (argc != 4 || strcmp(argv[3], "each"))) errx(2, "usage: server SOCKET REPLY [each]");
    writes_each = argc == 4;
    FILE *file = fopen(argv[2], "r");
    if (!file || !(reply_size = fread(reply, 1, sizeof reply, file))) err(1, "%s", argv[2]);
    replies = malloc(MOST_REPLIES * reply_size);
    if (!replies) err(1, "malloc");
    for (size_t index = 0; index < MOST_REPLIES; index++) memcpy(replies + index * reply_size, reply, reply_size);

    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(argv[1]) >= sizeof address.sun_path) errx(2, "%s: too long for a socket", argv[1]);
    strcpy(address.sun_path, argv[1]);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), poll = epoll_create1(EPOLL_CLOEXEC);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1024))
        err(1, "%s", argv[1]);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    if (epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event)) err(1, "epoll_ctl");
    event.data.fd = STDIN_FILENO;
    if (epoll_ctl(poll, EPOLL_CTL_ADD, STDIN_FILENO, &event)) err(1, "standard input");
    puts("ready");
    fflush(stdout);
    for (;;) {
        struct epoll_event events[256];
        int ready = epoll_wait(poll, events, 256, -1);
        if (ready < 0 && errno != EINTR) err(1, "epoll_wait");
        for (int index = 0; index < ready; index++) {
            if (events[index].data.fd == STDIN_FILENO) {
                if (!publish()) return 0;
            } else if (events[index].data.fd == listener) {
                int descriptor = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
                if (descriptor < 0) err(1, "accept");
                event.data.fd = descriptor;
                if (epoll_ctl(poll, EPOLL_CTL_ADD, descriptor, &event)) err(1, "epoll_ctl");
            } else {
                serve(events[index].data.fd);
            }
        }
    }
}
