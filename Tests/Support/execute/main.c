// execute WAY FILE [ARGUMENT…]: runs FILE with the arguments (the first is argv[0]) in a way that is easy to get wrong
// for whoever watches it. execute storm SPAWNERS STARTS runs itself, SPAWNERS times side by side STARTS times each.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void fail(void) { _exit(125); }

static char **program;

static void run(void) {
    execve(program[0], program + 1, environ);
    fail();
}

static void *run_in_thread(void *unused) {
    (void)unused;
    run();
    return NULL;
}

// Of a descriptor without a name: in memory, or of a file that is removed.
static void run_descriptor(int descriptor) {
    // A script could not be read through a closed descriptor, a binary can.
    fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    fexecve(descriptor, program + 1, environ);
    fail();
}

static void copy(const char *path, int target) {
    int source = open(path, O_RDONLY);
    char bytes[65536];
    ssize_t count;
    while ((count = read(source, bytes, sizeof bytes)) > 0)
        if (write(target, bytes, count) != count) fail();
    close(source);
}

static void run_memory(void) {
    int file = memfd_create("a memory", 0);
    if (file < 0) fail();
    copy(program[0], file);
    run_descriptor(file);
}

static void run_deleted(void) {
    char path[] = "/tmp/tocsin-deleted.XXXXXX";
    int file = mkstemp(path);
    copy(program[0], file);
    fchmod(file, 0755);
    close(file);
    file = open(path, O_RDONLY);
    unlink(path);
    run_descriptor(file);
}

static void run_on_terminal(void) {
    int primary = posix_openpt(O_RDWR | O_NOCTTY);
    if (primary < 0 || grantpt(primary) || unlockpt(primary)) fail();
    if (setsid() < 0) fail();
    int replica = open(ptsname(primary), O_RDWR);
    if (replica < 0 || ioctl(replica, TIOCSCTTY, 0)) fail();
    run();
}

static void run_in_namespaces(void) {
    if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID)) fail();
    // A new PID namespace is for children.
    pid_t child = fork();
    if (child == 0) run();
    int status;
    waitpid(child, &status, 0);
    _exit(WEXITSTATUS(status));
}

static void run_as_nobody(void) {
    if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534)) fail();
    run();
}

// As what a user may do: root in a namespace of its own, where its user has no other name.
static void run_in_user_namespace(void) {
    if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534)) fail();
    // Who changed its user may not write to its own /proc otherwise.
    if (prctl(PR_SET_DUMPABLE, 1) || unshare(CLONE_NEWUSER)) fail();
    int map = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
    if (map < 0 || write(map, "0 65534 1", 9) != 9) fail();
    run();
}

static void run_after_vfork(void) {
    pid_t child = vfork();
    if (child == 0) run();
    int status;
    waitpid(child, &status, 0);
    _exit(WEXITSTATUS(status));
}

static void run_without_arguments(void) {
    char *none[] = {NULL};
    execve(program[0], none, environ);
    fail();
}

// Names every start for the storm, by its pid, the spawner and the number: other storms may rage at the same time.
static void spawn(const char *self, int spawner, int starts) {
    pid_t storm = getppid();
    for (volatile int start = 0; start < starts; start++) {
        char name[48];
        snprintf(name, sizeof name, "%d-%d-%d", (int)storm, spawner, start);
        char *arguments[] = {"storm", "end", name, NULL};
        pid_t child = vfork();
        if (child == 0) {
            execve(self, arguments, environ);
            fail();
        }
        int status;
        if (child < 0 || waitpid(child, &status, 0) != child || status) _exit(1);
    }
    _exit(0);
}

static void storm(int spawners, int starts) {
    for (int spawner = 0; spawner < spawners; spawner++)
        if (fork() == 0) spawn("/proc/self/exe", spawner, starts);
    int status, failures = 0;
    while (wait(&status) > 0) failures += status != 0;
    _exit(failures);
}

int main(int count, char **arguments) {
    // The way to end at once.
    if (count >= 2 && !strcmp(arguments[1], "end")) return 0;
    if (count < 3) return 2;
    const char *way = arguments[1];
    program = arguments + 2;
    // FILE is often cat with arguments that are no files.
    int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(quiet, STDERR_FILENO);
    if (!strcmp(way, "storm") && count == 4) storm(atoi(arguments[2]), atoi(arguments[3]));
    if (!strcmp(way, "plain")) run();
    if (!strcmp(way, "memory")) run_memory();
    if (!strcmp(way, "deleted")) run_deleted();
    if (!strcmp(way, "terminal")) run_on_terminal();
    if (!strcmp(way, "namespaces")) run_in_namespaces();
    if (!strcmp(way, "nobody")) run_as_nobody();
    if (!strcmp(way, "user")) run_in_user_namespace();
    if (!strcmp(way, "vfork")) run_after_vfork();
    if (!strcmp(way, "nothing")) run_without_arguments();
    if (!strcmp(way, "thread")) {
        pthread_t thread;
        pthread_create(&thread, NULL, run_in_thread, NULL);
        pthread_join(thread, NULL);
    }
    return 2;
}
