/* A disk that loses power, for LD_PRELOAD under the store's writer.
 *
 * POWER_CUT_DB      the database file
 * POWER_CUT_SHADOW  what would be found of it after the cut; only what a sync covered is in it
 * POWER_CUT_AFTER   when the power goes, in microseconds from the start of the process
 * POWER_CUT_SEED    the dice: each page that was written and not synced survives with probability 1/2
 * POWER_CUT_LIES    if set, a sync counts at most every 500 ms, as if flushes went through sync_file_range
 *
 * A sync copies page by page and lets go of the lock between, so that a cut may come in its midst. Everything but the database
 * file is taken as durable.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096
#define PAGES (1 << 20)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned char dirty[PAGES];
static long last_page = -1;
static const char *path;
static int shadow = -1, file = -1, lies;
static dev_t device;
static ino_t inode;
static uint64_t dice, counted_at;

static uint64_t roll(void) {
    uint64_t z = (dice += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

static uint64_t micros(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Called with the lock held. */
static int is_database(int fd) {
    struct stat here, there;
    if (path == NULL || fstat(fd, &here) != 0) return 0;
    if (inode == 0) {
        if (stat(path, &there) != 0) return 0;
        device = there.st_dev;
        inode = there.st_ino;
        file = open(path, O_RDONLY | O_CLOEXEC);
    }
    return here.st_dev == device && here.st_ino == inode;
}

/* Called with the lock held. */
static void keep(long page) {
    char bytes[PAGE];
    ssize_t n = pread(file, bytes, PAGE, (off_t)page * PAGE);
    if (n > 0 && syscall(SYS_pwrite64, shadow, bytes, n, (off_t)page * PAGE) != n) _exit(99);
    dirty[page] = 0;
}

static void *cut(void *after) {
    usleep((useconds_t)(uintptr_t)after);
    pthread_mutex_lock(&lock);
    for (long page = 0; page <= last_page; page++)
        if (dirty[page] && (roll() & 1)) keep(page);
    kill(getpid(), SIGKILL);
    return NULL;
}

__attribute__((constructor)) static void start(void) {
    const char *after = getenv("POWER_CUT_AFTER"), *seed = getenv("POWER_CUT_SEED");
    path = getenv("POWER_CUT_DB");
    if (path == NULL || after == NULL || seed == NULL) return;
    lies = getenv("POWER_CUT_LIES") != NULL;
    dice = strtoull(seed, NULL, 10);
    shadow = open(getenv("POWER_CUT_SHADOW"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int before = open(path, O_RDONLY | O_CLOEXEC);
    if (before >= 0) {
        char bytes[1 << 16];
        off_t at = 0;
        ssize_t n;
        while ((n = pread(before, bytes, sizeof bytes, at)) > 0) {
            if (syscall(SYS_pwrite64, shadow, bytes, n, at) != n) _exit(99);
            at += n;
        }
        close(before);
    }
    pthread_t thread;
    pthread_create(&thread, NULL, cut, (void *)(uintptr_t)strtoull(after, NULL, 10));
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
    pthread_mutex_lock(&lock);
    ssize_t n = syscall(SYS_pwrite64, fd, bytes, count, at);
    if (n > 0 && is_database(fd)) {
        for (long page = at / PAGE; page <= (at + n - 1) / PAGE; page++) {
            if (page >= PAGES) _exit(99);
            dirty[page] = 1;
            if (page > last_page) last_page = page;
        }
    }
    pthread_mutex_unlock(&lock);
    return n;
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
    return pwrite64(fd, bytes, count, at);
}

int ftruncate64(int fd, off64_t length) {
    pthread_mutex_lock(&lock);
    int done = (int)syscall(SYS_ftruncate, fd, length);
    if (done == 0 && is_database(fd)) {
        if (syscall(SYS_ftruncate, shadow, length) != 0) _exit(99);
        for (long page = (length + PAGE - 1) / PAGE; page <= last_page; page++) dirty[page] = 0;
    }
    pthread_mutex_unlock(&lock);
    return done;
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

static int synced(int fd, long call) {
    pthread_mutex_lock(&lock);
    int ours = is_database(fd);
    long pages = last_page;
    if (ours && lies) {
        uint64_t now = micros();
        if (now - counted_at < 500000) pages = -1; else counted_at = now;
    }
    pthread_mutex_unlock(&lock);
    if (!ours) return (int)syscall(call, fd);
    for (long page = 0; page <= pages; page++) {
        if (!__atomic_load_n(&dirty[page], __ATOMIC_RELAXED)) continue;
        pthread_mutex_lock(&lock);
        if (dirty[page]) keep(page);
        pthread_mutex_unlock(&lock);
    }
    return 0;
}

int fsync(int fd) { return synced(fd, SYS_fsync); }

int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }
