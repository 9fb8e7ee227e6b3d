#define _GNU_SOURCE
#include "include/test_system.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

// Runs in the child. Returns where the program could not be started, with errno.
static void become(const struct test_program *program, pid_t parent) {
    // A group of its own, so that all of it can be killed.
    setpgid(0, 0);
    for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (program->dies_with_parent) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        // Of a parent that is gone already nobody would tell.
        if (getppid() != parent) _exit(127);
    }
    int input = program->input < 0 ? open("/dev/null", O_RDONLY) : program->input;
    if (dup2(input, 0) < 0 || dup2(program->output, 1) < 0 || dup2(program->errors, 2) < 0) return;
    // Not closed yet: the parent learns from the last of them that the program has begun.
    if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0) return;
    execvpe(program->arguments[0], program->arguments, program->environment ? program->environment : environ);
}

static int start(const struct test_program *program, pid_t *pid) {
    int began[2];
    if (pipe2(began, O_CLOEXEC) != 0) return errno;
    pid_t parent = getpid();
    *pid = vfork();
    if (*pid == 0) {
        become(program, parent);
        int reason = errno;
        if (write(began[1], &reason, sizeof reason) < 0) _exit(126);
        _exit(127);
    }
    int reason = *pid < 0 ? errno : 0;
    close(began[1]);
    if (*pid > 0 && read(began[0], &reason, sizeof reason) > 0) waitpid(*pid, NULL, 0);
    close(began[0]);
    return reason;
}

// One thread starts all programs, and lives as long as the process: "parent" in PR_SET_PDEATHSIG is the thread that
// forked (prctl(2)), and the threads that tests run on come and go.
static struct {
    pthread_once_t once;
    pthread_mutex_t turn;
    sem_t asked, answered;
    const struct test_program *program;
    pid_t pid;
    int result;
} starter = {.once = PTHREAD_ONCE_INIT, .turn = PTHREAD_MUTEX_INITIALIZER};

static void *serve(void *unused) {
    (void)unused;
    while (1) {
        while (sem_wait(&starter.asked) != 0) {}
        starter.result = start(starter.program, &starter.pid);
        sem_post(&starter.answered);
    }
}

static void begin(void) {
    sem_init(&starter.asked, 0, 0);
    sem_init(&starter.answered, 0, 0);
    // A handler must not run in the child, whose memory is ours.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    pthread_create(&thread, NULL, serve, NULL);
    pthread_detach(thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

int test_spawn(pid_t *pid, const struct test_program *program) {
    pthread_once(&starter.once, begin);
    pthread_mutex_lock(&starter.turn);
    starter.program = program;
    sem_post(&starter.asked);
    while (sem_wait(&starter.answered) != 0) {}
    *pid = starter.pid;
    int result = starter.result;
    pthread_mutex_unlock(&starter.turn);
    return result;
}
