/* A disk that loses power, for LD_PRELOAD under the store's writer.
 *
 * POWER_CUT_STORE   the store's directory
 * POWER_CUT_SHADOW  a directory with what would be found of its files after the cut; only what a sync covered is in them
 * POWER_CUT_AFTER   when the power goes, in microseconds from the start of the process
 * POWER_CUT_SEED    the dice: each page that was written and not synced survives with probability 1/2
 * POWER_CUT_LIES    if set, a sync counts at most every 500 ms, as if flushes went through sync_file_range
 *
 * A sync copies page by page and lets go of the lock between, so that a cut may come in its midst. Everything but the content of
 * the files below is taken as durable.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096
#define PAGES (1 << 20)

static const char *const names[] = {
    "db", "awa-bridge.commits",
};
#define FILES (sizeof names / sizeof *names)

struct file {
    char path[4096];
    int shadow, own;
    dev_t device;
    ino_t inode;
    long last_page;
    uint64_t counted_at;
    unsigned char dirty[PAGES];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct file files[FILES];
static int active, lies;
static uint64_t dice;

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

/* Which of the files a descriptor is, if any. Called with the lock held. */
static struct file *file_of(int fd) {
    struct stat here, there;
    if (!active || fstat(fd, &here) != 0 || !S_ISREG(here.st_mode)) return NULL;
    for (struct file *file = files; file < files + FILES; file++) {
        if (file->inode == 0) {
            if (stat(file->path, &there) != 0) continue;
            file->device = there.st_dev;
            file->inode = there.st_ino;
            file->own = open(file->path, O_RDONLY | O_CLOEXEC);
        }
        if (here.st_dev == file->device && here.st_ino == file->inode) return file;
    }
    return NULL;
}

/* Called with the lock held. */
static void keep(struct file *file, long page) {
    char bytes[PAGE];
    ssize_t n = pread(file->own, bytes, PAGE, (off_t)page * PAGE);
    if (n > 0 && syscall(SYS_pwrite64, file->shadow, bytes, n, (off_t)page * PAGE) != n) _exit(99);
    file->dirty[page] = 0;
}

static void *cut(void *after) {
    usleep((useconds_t)(uintptr_t)after);
    pthread_mutex_lock(&lock);
    for (struct file *file = files; file < files + FILES; file++)
        for (long page = 0; page <= file->last_page; page++)
            if (file->dirty[page] && (roll() & 1)) keep(file, page);
    kill(getpid(), SIGKILL);
    return NULL;
}

/* The shadow begins as what is on the disk already. */
static void begin(struct file *file, const char *store, const char *shadows, const char *name) {
    char path[4096];
    snprintf(file->path, sizeof file->path, "%s/%s", store, name);
    snprintf(path, sizeof path, "%s/%s", shadows, name);
    file->last_page = -1;
    file->shadow = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file->shadow < 0) _exit(99);
    int before = open(file->path, O_RDONLY | O_CLOEXEC);
    if (before < 0) return;
    char bytes[1 << 16];
    off_t at = 0;
    ssize_t n;
    while ((n = pread(before, bytes, sizeof bytes, at)) > 0) {
        if (syscall(SYS_pwrite64, file->shadow, bytes, n, at) != n) _exit(99);
        at += n;
    }
    close(before);
}

__attribute__((constructor)) static void start(void) {
    const char *store = getenv("POWER_CUT_STORE"), *shadows = getenv("POWER_CUT_SHADOW");
    const char *after = getenv("POWER_CUT_AFTER"), *seed = getenv("POWER_CUT_SEED");
    if (store == NULL || shadows == NULL || after == NULL || seed == NULL) return;
    lies = getenv("POWER_CUT_LIES") != NULL;
    dice = strtoull(seed, NULL, 10);
    for (size_t i = 0; i < FILES; i++) begin(&files[i], store, shadows, names[i]);
    active = 1;
    pthread_t thread;
    pthread_create(&thread, NULL, cut, (void *)(uintptr_t)strtoull(after, NULL, 10));
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
    pthread_mutex_lock(&lock);
    ssize_t n = syscall(SYS_pwrite64, fd, bytes, count, at);
    struct file *file = n > 0 ? file_of(fd) : NULL;
    if (file != NULL) {
        for (long page = at / PAGE; page <= (at + n - 1) / PAGE; page++) {
            if (page >= PAGES) _exit(99);
            file->dirty[page] = 1;
            if (page > file->last_page) file->last_page = page;
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
    struct file *file = done == 0 ? file_of(fd) : NULL;
    if (file != NULL) {
        if (syscall(SYS_ftruncate, file->shadow, length) != 0) _exit(99);
        for (long page = (length + PAGE - 1) / PAGE; page <= file->last_page; page++) file->dirty[page] = 0;
    }
    pthread_mutex_unlock(&lock);
    return done;
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

static int synced(int fd, long call) {
    pthread_mutex_lock(&lock);
    struct file *file = file_of(fd);
    long pages = file == NULL ? -1 : file->last_page;
    if (file != NULL && lies) {
        uint64_t now = micros();
        if (now - file->counted_at < 500000) pages = -1; else file->counted_at = now;
    }
    pthread_mutex_unlock(&lock);
    if (file == NULL) return (int)syscall(call, fd);
    for (long page = 0; page <= pages; page++) {
        if (!__atomic_load_n(&file->dirty[page], __ATOMIC_RELAXED)) continue;
        pthread_mutex_lock(&lock);
        if (file->dirty[page]) keep(file, page);
        pthread_mutex_unlock(&lock);
    }
    return 0;
}

int fsync(int fd) { return synced(fd, SYS_fsync); }

int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }
