/* A machine with faults that a test switches on while the program runs, for LD_PRELOAD.
 *
 * FAULTS names a file of four 64-bit numbers, shared with the test:
 *   0  how far the wall clock is off, in milliseconds
 *   1  how long a name look-up hangs, in milliseconds
 *   2  the errno of every write and sync of a file in a directory `state.sled`; 0 = they go through
 *   3  the same of sled's own file in it, `db`
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t healthy[4];
static volatile int64_t *faults = healthy;

__attribute__((constructor)) static void start(void) {
    const char *path = getenv("FAULTS");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void *shared = mmap(NULL, sizeof healthy, PROT_READ, MAP_SHARED, fd, 0);
    if (shared != MAP_FAILED) faults = shared;
    close(fd);
}

int clock_gettime(clockid_t id, struct timespec *t) {
    int result = (int)syscall(SYS_clock_gettime, id, t);
    if (result == 0 && id == CLOCK_REALTIME) {
        int64_t ms = faults[0];
        t->tv_sec += ms / 1000;
        t->tv_nsec += (ms % 1000) * 1000000;
        if (t->tv_nsec >= 1000000000) t->tv_sec++, t->tv_nsec -= 1000000000;
        if (t->tv_nsec < 0) t->tv_sec--, t->tv_nsec += 1000000000;
    }
    return result;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result) {
    static int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    if (faults[1] > 0) usleep((useconds_t)(faults[1] * 1000));
    return real(node, service, hints, result);
}

/* The errno that a write to this file is to fail with. */
static int fault_of(int fd) {
    char link[64], path[512];
    if (faults[2] == 0 && faults[3] == 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 3) return 0;
    path[n] = 0;
    if (strstr(path, "/state.sled/") == NULL) return 0;
    if (faults[2] != 0) return (int)faults[2];
    return strcmp(path + n - 3, "/db") == 0 ? (int)faults[3] : 0;
}

#define FAIL_IF_FAULTY(fd) do { int fault = fault_of(fd); if (fault) { errno = fault; return -1; } } while (0)

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at) {
    FAIL_IF_FAULTY(fd);
    return syscall(SYS_pwrite64, fd, bytes, n, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at) { return pwrite64(fd, bytes, n, at); }

ssize_t write(int fd, const void *bytes, size_t n) {
    FAIL_IF_FAULTY(fd);
    return syscall(SYS_write, fd, bytes, n);
}

int fsync(int fd) {
    FAIL_IF_FAULTY(fd);
    return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd) {
    FAIL_IF_FAULTY(fd);
    return (int)syscall(SYS_fdatasync, fd);
}
