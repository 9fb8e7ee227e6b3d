// load WAY …: clients that no daemon should have, and processes that no machine should have. Prints what it did as
// NAME=NUMBER, one a line; a test reads and compares it.
//
//   load pend SOCKET CONNECTIONS EVENTS   each keeps a read pending until it was told that many events
//   load die SOCKET COUNT SEED            processes that are killed in the middle of a call or of a reply
//   load connect SOCKET SECONDS RATE      connections a second that say nothing, or half a call
//   load bomb DEPTH WIDTH                 processes that make processes, as far as the kernel lets them
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static unsigned long long number(const char *text) { return strtoull(text, NULL, 10); }

// A connected socket; -1 where the kernel refuses it.
static int connection(const char *path, int flags) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    if (descriptor < 0) fail("socket");
    if (connect(descriptor, (struct sockaddr *)&address, sizeof address) == 0) return descriptor;
    close(descriptor);
    return -1;
}

static const char read_call[] = "{\"method\":\"io.tocsin.Events.Read\"}";

static void send_read(int descriptor) {
    if (send(descriptor, read_call, sizeof read_call, MSG_NOSIGNAL) != sizeof read_call) fail("send");
}

// The first number of this name in a reply; 0 where there is none.
static unsigned long long member(const char *reply, const char *name) {
    const char *found = strstr(reply, name);
    return found ? number(found + strlen(name)) : 0;
}

// MARK: pend

struct reader {
    char bytes[65536];
    size_t count;
    unsigned long long last;
    unsigned long long events;
    int descriptor;
};

static void pend(const char *path, size_t count, unsigned long long events) {
    struct reader *readers = calloc(count, sizeof *readers);
    int queue = epoll_create1(EPOLL_CLOEXEC);
    if (!readers || queue < 0) fail("pend");
    for (size_t index = 0; index < count; index++) {
        readers[index].descriptor = connection(path, 0);
        if (readers[index].descriptor < 0) fail("connect");
        send_read(readers[index].descriptor);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &readers[index]};
        epoll_ctl(queue, EPOLL_CTL_ADD, readers[index].descriptor, &event);
    }
    unsigned long long replies = 0, skipped = 0, lost = 0, errors = 0;
    for (size_t open = count; open > 0;) {
        struct epoll_event ready[64];
        int some = epoll_wait(queue, ready, 64, 30000);
        if (some <= 0) fail("epoll_wait");
        for (int index = 0; index < some; index++) {
            struct reader *reader = ready[index].data.ptr;
            ssize_t got = recv(reader->descriptor, reader->bytes + reader->count,
                               sizeof reader->bytes - reader->count, MSG_DONTWAIT);
            if (got <= 0) fail("recv");
            reader->count += (size_t)got;
            if (reader->bytes[reader->count - 1] != 0) continue;
            // One read pends at a time, so one reply is all there can be.
            reader->count = 0;
            unsigned long long sequence = member(reader->bytes, "\"sequence\":");
            if (strstr(reader->bytes, "\"error\":") != NULL) errors++;
            if (reader->last != 0 && sequence != reader->last + 1) skipped++;
            reader->last = sequence;
            lost += member(reader->bytes, "\"lost\":");
            replies++;
            if (++reader->events < events) {
                send_read(reader->descriptor);
            } else {
                epoll_ctl(queue, EPOLL_CTL_DEL, reader->descriptor, NULL);
                open--;
            }
        }
    }
    printf("replies=%llu\nskipped=%llu\nlost=%llu\nerrors=%llu\n", replies, skipped, lost, errors);
}

// MARK: die

static unsigned int dice;

static unsigned int throw_dice(unsigned int sides) {
    dice = dice * 1103515245u + 12345u;
    return (dice >> 16) % sides;
}

static void die_as_client(const char *path) {
    static const char *const calls[] = {
        read_call,
        "{\"method\":\"io.tocsin.Events.Subscribe\",\"more\":true,\"parameters\":{\"filter\":{\"types\":[\"exec\"]}}}",
        "{\"method\":\"io.tocsin.Events.Open\",\"parameters\":{\"group\":\"the dead\"}}",
        "{\"method\":\"io.tocsin.Events.GetStatus\"}",
        "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
        "\"parameters\":{\"interface\":\"io.tocsin.Events\"}}",
    };
    int descriptor = connection(path, 0);
    if (descriptor < 0) _exit(1);
    for (unsigned int whole = throw_dice(4); whole > 0; whole--) {
        const char *call = calls[throw_dice(5)];
        send(descriptor, call, strlen(call) + 1, MSG_NOSIGNAL);
    }
    switch (throw_dice(3)) {
    case 0: {  // in the middle of a call
        const char *call = calls[throw_dice(5)];
        send(descriptor, call, 1 + throw_dice((unsigned int)strlen(call)), MSG_NOSIGNAL);
        break;
    }
    case 1: {  // in the middle of a reply
        char bytes[64];
        send(descriptor, calls[4], strlen(calls[4]) + 1, MSG_NOSIGNAL);
        struct pollfd wait = {.fd = descriptor, .events = POLLIN};
        poll(&wait, 1, 100);
        recv(descriptor, bytes, 1 + throw_dice(sizeof bytes), MSG_DONTWAIT);
        break;
    }
    default: break;  // with all of it unread
    }
    raise(SIGKILL);
}

static void die(const char *path, unsigned long long count, unsigned int seed) {
    unsigned long long killed = 0;
    for (unsigned long long index = 0, running = 0; killed < count;) {
        if (index < count && running < 64) {
            pid_t pid = fork();
            if (pid < 0) fail("fork");
            if (pid == 0) {
                dice = seed + (unsigned int)index * 2654435761u;
                die_as_client(path);
            }
            index++, running++;
            continue;
        }
        int status;
        if (wait(&status) < 0) fail("wait");
        if (!WIFSIGNALED(status)) exit(1);
        killed++, running--;
    }
    printf("killed=%llu\n", killed);
}

// MARK: connect

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void connect_often(const char *path, double seconds, double rate) {
    unsigned long long made = 0, refused = 0;
    double begin = now(), end = begin + seconds;
    for (double time = begin; time < end; time = now()) {
        if ((double)(made + refused) > (time - begin) * rate) {
            usleep(100);
            continue;
        }
        int descriptor = connection(path, SOCK_NONBLOCK);
        // The backlog is full: the daemon takes them more slowly than they come.
        if (descriptor < 0 && errno != EAGAIN) fail("connect");
        if (descriptor < 0) {
            refused++;
            continue;
        }
        if (made++ % 2) send(descriptor, read_call, sizeof read_call / 2, MSG_NOSIGNAL);
        close(descriptor);
    }
    printf("made=%llu\nrefused=%llu\nmilliseconds=%llu\n", made, refused,
           (unsigned long long)((now() - begin) * 1000));
}

// MARK: bomb

struct ledger {
    unsigned long long made;
    unsigned long long refused;
};

static void burst(struct ledger *ledger, unsigned long long depth, unsigned long long width) {
    for (unsigned long long child = 0; depth > 0 && child < width; child++) {
        pid_t pid = fork();
        if (pid == 0) {
            burst(ledger, depth - 1, width);
            _exit(0);
        }
        __atomic_fetch_add(pid < 0 ? &ledger->refused : &ledger->made, 1, __ATOMIC_RELAXED);
    }
    while (wait(NULL) > 0 || errno == EINTR) {}
}

static void bomb(unsigned long long depth, unsigned long long width) {
    struct ledger *ledger =
        mmap(NULL, sizeof *ledger, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (ledger == MAP_FAILED) fail("mmap");
    burst(ledger, depth, width);
    printf("made=%llu\nrefused=%llu\n", ledger->made, ledger->refused);
}

int main(int count, char **words) {
    if (count == 5 && strcmp(words[1], "pend") == 0) {
        pend(words[2], number(words[3]), number(words[4]));
    } else if (count == 5 && strcmp(words[1], "die") == 0) {
        die(words[2], number(words[3]), (unsigned int)number(words[4]));
    } else if (count == 5 && strcmp(words[1], "connect") == 0) {
        connect_often(words[2], (double)number(words[3]), (double)number(words[4]));
    } else if (count == 4 && strcmp(words[1], "bomb") == 0) {
        bomb(number(words[2]), number(words[3]));
    } else {
        fprintf(stderr, "usage: load pend|die|connect|bomb …\n");
        return 64;
    }
    return 0;
}
