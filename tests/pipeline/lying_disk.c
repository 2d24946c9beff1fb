/* A disk that lies, for LD_PRELOAD. The tests set these variables at any time:

   LYING_WRITE          what happens to a write to an event file:
                          before    nothing lands, an error is reported
                          within    half of it lands, an error is reported
                          after     all of it lands, an error is reported
                          short     half of it lands, and that is what is reported
                          byte      one byte lands, and that is what is reported
   LYING_ERROR          the number of the error
   LYING_EVERY          of so many writes one is faulty; default 1
   LYING_TIMES          how many faults there are; default: no end
   LYING_LEAST          smaller writes are not faulty, in bytes
   LYING_WRITE_HOLD     a write to an event file waits until this path exists
   LYING_METADATA_HOLD  a call for a path with LYING_METADATA_MARK in it waits until this one exists
   LYING_METADATA_MARK  see above
   LYING_COUNT          a file to which each fault adds one byte, and each wait an "h"

   An event file is one with "tfevents" in its path. */

#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static long writes, faults;

static long number(const char *name, long otherwise) {
    const char *text = getenv(name);
    return text && *text ? atol(text) : otherwise;
}

static int exists(const char *path) {
    return syscall(SYS_faccessat, AT_FDCWD, path, F_OK) == 0;
}

static void count(const char *what) {
    const char *path = getenv("LYING_COUNT");
    if (!path || !*path) return;
    int file = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (file < 0) return;
    syscall(SYS_write, file, what, 1);
    syscall(SYS_close, file);
}

static void hold(const char *name) {
    const char *path = getenv(name);
    char copy[PATH_MAX];
    if (!path || !*path || strlen(path) >= sizeof copy) return;
    strcpy(copy, path);
    if (exists(copy)) return;
    count("h");
    while (!exists(copy)) usleep(2000);
}

static int is_event_file(int file) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    long size = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return strstr(path, "tfevents") != NULL;
}

/* All of what was asked for, however often the system has to be asked. */
static void land(int file, const char *data, size_t size) {
    while (size) {
        long done = syscall(SYS_write, file, data, size);
        if (done <= 0) return;
        data += done;
        size -= done;
    }
}

/* Whether this write is faulty; then *result and errno say what is reported. */
static int lie(int file, const struct iovec *buffers, int buffer_count, ssize_t *result) {
    const char *mode = getenv("LYING_WRITE");
    size_t total = 0, landing;
    for (int i = 0; i < buffer_count; i++) total += buffers[i].iov_len;
    if (!mode || !*mode || !total || (long)total < number("LYING_LEAST", 0)) return 0;
    long write_number = __atomic_add_fetch(&writes, 1, __ATOMIC_SEQ_CST);
    if (write_number % number("LYING_EVERY", 1)) return 0;
    if (__atomic_add_fetch(&faults, 1, __ATOMIC_SEQ_CST) > number("LYING_TIMES", LONG_MAX)) return 0;
    if (!strcmp(mode, "before")) landing = 0;
    else if (!strcmp(mode, "after")) landing = total;
    else if (!strcmp(mode, "byte")) landing = 1;
    else landing = (total + 1) / 2;
    char *all = malloc(total);
    size_t filled = 0;
    for (int i = 0; i < buffer_count; i++) {
        memcpy(all + filled, buffers[i].iov_base, buffers[i].iov_len);
        filled += buffers[i].iov_len;
    }
    land(file, all, landing);
    free(all);
    count("f");
    if (!strcmp(mode, "short") || !strcmp(mode, "byte")) {
        *result = landing;
    } else {
        *result = -1;
        errno = number("LYING_ERROR", EIO);
    }
    return 1;
}

ssize_t write(int file, const void *data, size_t size) {
    if (is_event_file(file)) {
        struct iovec buffer = {(void *)data, size};
        ssize_t result;
        hold("LYING_WRITE_HOLD");
        if (lie(file, &buffer, 1, &result)) return result;
    }
    return syscall(SYS_write, file, data, size);
}

ssize_t writev(int file, const struct iovec *buffers, int buffer_count) {
    if (is_event_file(file)) {
        ssize_t result;
        hold("LYING_WRITE_HOLD");
        if (lie(file, buffers, buffer_count, &result)) return result;
    }
    return syscall(SYS_writev, file, buffers, buffer_count);
}

static void metadata(const char *path) {
    const char *mark = getenv("LYING_METADATA_MARK");
    if (path && mark && *mark && strstr(path, mark)) hold("LYING_METADATA_HOLD");
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int mkdir(const char *path, mode_t mode) {
    metadata(path);
    return REAL(mkdir)(path, mode);
}

DIR *opendir(const char *path) {
    metadata(path);
    return REAL(opendir)(path);
}

int stat(const char *path, struct stat *status) {
    metadata(path);
    return REAL(stat)(path, status);
}

int lstat(const char *path, struct stat *status) {
    metadata(path);
    return REAL(lstat)(path, status);
}

int fstatat(int directory, const char *path, struct stat *status, int flags) {
    metadata(path);
    return REAL(fstatat)(directory, path, status, flags);
}

int stat64(const char *path, struct stat64 *status) {
    metadata(path);
    return REAL(stat64)(path, status);
}

int lstat64(const char *path, struct stat64 *status) {
    metadata(path);
    return REAL(lstat64)(path, status);
}

int fstatat64(int directory, const char *path, struct stat64 *status, int flags) {
    metadata(path);
    return REAL(fstatat64)(directory, path, status, flags);
}

#define OPEN(name)                                                       \
    int name(const char *path, int flags, ...) {                         \
        va_list arguments;                                               \
        va_start(arguments, flags);                                      \
        mode_t mode = va_arg(arguments, mode_t);                         \
        va_end(arguments);                                               \
        metadata(path);                                                  \
        return syscall(SYS_openat, AT_FDCWD, path, flags, mode);         \
    }

OPEN(open)
OPEN(open64)
