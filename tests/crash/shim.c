/* A disk with a memory, to be preloaded into a server: for files below one directory it records what was synced, keeps
 * the contents of files that are replaced or deleted, and lets writes and fsyncs fail or last on demand. disk.py reads the
 * record after the server was killed, and rebuilds the directory as a power cut would have left it.
 *
 *   SHIM_DIR      the directory
 *   SHIM_RECORD   the record: one line per event, written by one write(2) each
 *   SHIM_KEEP     a directory of the same file system, where every file gets a second name: its inode number
 *   SHIM_CONTROL  a file of struct control, which the test changes while the server runs
 *   SHIM_FSYNC_MS how long every fsync and fdatasync sleeps, where there is no SHIM_CONTROL
 *
 * Record: C ino path (created), S ino length (synced up to length), D path (directory synced), R ino old new, U path,
 * T ino length (truncated). An event is recorded after it has happened and before the server learns of it, so a promise
 * that the server makes on the strength of an fsync never lacks its line.
 * Calls of the C library that write through its own buffers (fwrite) are not failed; their files are recorded all the same.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* Little fields in the order of disk.py's CONTROL. `write_room`: bytes still to be written before `write_errno`. */
struct control {
    volatile int32_t write_errno, fsync_errno, fsync_ms, unused;
    volatile int64_t write_room;
};

static struct control fallback;
static struct control *control = &fallback;
static char root[PATH_MAX], keep[PATH_MAX];
static size_t root_size;
static int record_fd = -1;

#define REAL(result, name, ...)                                                                                        \
    static result (*real_##name)(__VA_ARGS__);                                                                         \
    if (!real_##name) real_##name = (result(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

static int real_open_file(const char *path, int flags, mode_t mode) {
    REAL(int, openat, int, const char *, int, ...);
    return real_openat(AT_FDCWD, path, flags, mode);
}

static ssize_t real_write_bytes(int fd, const void *data, size_t size) {
    REAL(ssize_t, write, int, const void *, size_t);
    return real_write(fd, data, size);
}

__attribute__((constructor)) static void start(void) {
    const char *directory = getenv("SHIM_DIR"), *record = getenv("SHIM_RECORD"), *kept = getenv("SHIM_KEEP");
    const char *control_path = getenv("SHIM_CONTROL"), *sleep_ms = getenv("SHIM_FSYNC_MS");
    if (sleep_ms) fallback.fsync_ms = atoi(sleep_ms);
    if (!directory || !realpath(directory, root)) return;
    root_size = strlen(root);
    if (kept) snprintf(keep, sizeof keep, "%s", kept);
    if (record) record_fd = real_open_file(record, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    int fd = control_path ? real_open_file(control_path, O_RDWR | O_CLOEXEC, 0) : -1;
    if (fd < 0) return;
    void *map = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map != MAP_FAILED) control = map;
    close(fd);
}

static int below_root(const char *path) {
    return root_size && !strncmp(path, root, root_size) && (path[root_size] == '/' || !path[root_size]);
}

/* The absolute path of a name whose directory exists; 1 if it lies below the root. */
static int resolve(int at, const char *path, char *absolute) {
    char parent[PATH_MAX], name[NAME_MAX + 1], link[64], joined[PATH_MAX * 2];
    if (path[0] == '/') snprintf(joined, sizeof joined, "%s", path);
    else {
        char base[PATH_MAX];
        if (at == AT_FDCWD) {
            if (!getcwd(base, sizeof base)) return 0;
        } else {
            snprintf(link, sizeof link, "/proc/self/fd/%d", at);
            ssize_t size = readlink(link, base, sizeof base - 1);
            if (size < 0) return 0;
            base[size] = 0;
        }
        snprintf(joined, sizeof joined, "%s/%s", base, path);
    }
    char *slash = strrchr(joined, '/');
    if (strlen(slash + 1) > NAME_MAX) return 0;
    strcpy(name, slash + 1);
    *slash = 0;
    if (!realpath(joined[0] ? joined : "/", parent)) return 0;
    if (snprintf(absolute, PATH_MAX, "%s/%s", parent, name) >= PATH_MAX) return 0;
    return below_root(absolute);
}

/* Does the descriptor lead below the root? Its path, if asked for. */
static int tracked(int fd, char *path) {
    char link[64], target[PATH_MAX];
    if (!root_size) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, target, sizeof target - 1);
    if (size < 0) return 0;
    target[size] = 0;
    if (path) strcpy(path, target);
    return below_root(target);
}

static void record(const char *format, ...) {
    char line[PATH_MAX * 2 + 64];
    int saved = errno;
    va_list arguments;
    if (record_fd < 0) return;
    va_start(arguments, format);
    int size = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (real_write_bytes(record_fd, line, size) != size) _exit(99);
    errno = saved;
}

static void created(const char *path, int fd) {
    struct stat status;
    char name[PATH_MAX + 32];
    if (record_fd < 0 || fstat(fd, &status) || !S_ISREG(status.st_mode)) return;
    snprintf(name, sizeof name, "%s/%llu", keep, (unsigned long long)status.st_ino);
    int saved = errno;
    if (keep[0] && link(path, name)) _exit(98);
    errno = saved;
    record("C\t%llu\t%s\n", (unsigned long long)status.st_ino, path);
}

static void truncated(int fd, long long length) {
    struct stat status;
    if (tracked(fd, NULL) && !fstat(fd, &status)) record("T\t%llu\t%lld\n", (unsigned long long)status.st_ino, length);
}

/* What follows an open of `path`, which did or did not exist before. */
static int opened(int fd, int existed, int flags, const char *path) {
    if (fd < 0) return fd;
    if (!existed && (flags & O_CREAT)) created(path, fd);
    else if (flags & O_TRUNC) truncated(fd, 0);
    return fd;
}

static int open_recorded(int at, const char *path, int flags, mode_t mode) {
    REAL(int, openat, int, const char *, int, ...);
    char absolute[PATH_MAX];
    struct stat status;
    if (!(flags & (O_CREAT | O_TRUNC)) || !resolve(at, path, absolute)) return real_openat(at, path, flags, mode);
    int existed = lstat(absolute, &status) == 0;
    return opened(real_openat(at, path, flags, mode), existed, flags, absolute);
}

static mode_t mode_of(int flags, va_list arguments) {
    return flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)) ? va_arg(arguments, mode_t) : 0;
}

#define OPEN(name, at, ...)                                                                                            \
    int name(__VA_ARGS__, const char *path, int flags, ...) {                                                          \
        va_list arguments;                                                                                             \
        va_start(arguments, flags);                                                                                    \
        mode_t mode = mode_of(flags, arguments);                                                                       \
        va_end(arguments);                                                                                             \
        return open_recorded(at, path, flags, mode);                                                                   \
    }
OPEN(openat, at, int at)
OPEN(openat64, at, int at)

int open(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return open_recorded(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...) __attribute__((alias("open")));

int creat(const char *path, mode_t mode) { return open_recorded(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) __attribute__((alias("creat")));

FILE *fopen(const char *path, const char *mode) {
    REAL(FILE *, fopen, const char *, const char *);
    char absolute[PATH_MAX];
    struct stat status;
    int flags = mode[0] == 'w' ? O_CREAT | O_TRUNC : mode[0] == 'a' ? O_CREAT : 0;
    if (!flags || !resolve(AT_FDCWD, path, absolute)) return real_fopen(path, mode);
    int existed = lstat(absolute, &status) == 0;
    FILE *file = real_fopen(path, mode);
    if (file) opened(fileno(file), existed, flags, absolute);
    return file;
}

FILE *fopen64(const char *path, const char *mode) __attribute__((alias("fopen")));

/* How many of `size` bytes may be written; -1 with errno if none. */
static ssize_t admitted(int fd, size_t size) {
    int error = control->write_errno;
    if (!error || !size || !tracked(fd, NULL)) return size;
    int64_t room = __atomic_fetch_sub(&control->write_room, (int64_t)size, __ATOMIC_SEQ_CST);
    if (room >= (int64_t)size) return size;
    if (room > 0) return room;
    errno = error;
    return -1;
}

ssize_t write(int fd, const void *data, size_t size) {
    ssize_t allowed = admitted(fd, size);
    return allowed < 0 ? -1 : real_write_bytes(fd, data, allowed);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
    REAL(ssize_t, pwrite, int, const void *, size_t, off_t);
    ssize_t allowed = admitted(fd, size);
    return allowed < 0 ? -1 : real_pwrite(fd, data, allowed, offset);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) __attribute__((alias("pwrite")));

ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(ssize_t, writev, int, const struct iovec *, int);
    size_t size = 0;
    for (int at = 0; at < count; at++) size += parts[at].iov_len;
    ssize_t allowed = admitted(fd, size);
    if (allowed < 0 || (size_t)allowed == size) return allowed < 0 ? -1 : real_writev(fd, parts, count);
    size_t first = parts[0].iov_len < (size_t)allowed ? parts[0].iov_len : (size_t)allowed;
    return real_write_bytes(fd, parts[0].iov_base, first);
}

int ftruncate(int fd, off_t length) {
    REAL(int, ftruncate, int, off_t);
    int result = real_ftruncate(fd, length);
    if (!result) truncated(fd, length);
    return result;
}

int ftruncate64(int fd, off64_t length) __attribute__((alias("ftruncate")));

static int sync_recorded(int fd, int (*real)(int)) {
    char path[PATH_MAX];
    struct stat status;
    int known = tracked(fd, path) && !fstat(fd, &status); /* the length before: what comes later is not covered */
    int sleep_ms = control->fsync_ms;
    if (sleep_ms > 0 && (known || !root_size)) {
        struct timespec pause = {sleep_ms / 1000, sleep_ms % 1000 * 1000000L};
        while (nanosleep(&pause, &pause) && errno == EINTR) {}
    }
    if (known && control->fsync_errno) {
        errno = control->fsync_errno;
        return -1;
    }
    int result = real(fd);
    if (known && !result && S_ISDIR(status.st_mode)) record("D\t%s\n", path);
    else if (known && !result) record("S\t%llu\t%lld\n", (unsigned long long)status.st_ino, (long long)status.st_size);
    return result;
}

int fsync(int fd) {
    REAL(int, fsync, int);
    return sync_recorded(fd, real_fsync);
}

int fdatasync(int fd) {
    REAL(int, fdatasync, int);
    return sync_recorded(fd, real_fdatasync);
}

int renameat2(int from, const char *old, int to, const char *new, unsigned flags) {
    REAL(int, renameat2, int, const char *, int, const char *, unsigned);
    char old_path[PATH_MAX], new_path[PATH_MAX];
    struct stat status;
    int known = resolve(from, old, old_path) + resolve(to, new, new_path) == 2 && !lstat(old_path, &status);
    int result = real_renameat2(from, old, to, new, flags);
    if (!result && known) record("R\t%llu\t%s\t%s\n", (unsigned long long)status.st_ino, old_path, new_path);
    return result;
}

int renameat(int from, const char *old, int to, const char *new) { return renameat2(from, old, to, new, 0); }
int rename(const char *old, const char *new) { return renameat2(AT_FDCWD, old, AT_FDCWD, new, 0); }

int unlinkat(int at, const char *path, int flags) {
    REAL(int, unlinkat, int, const char *, int);
    char absolute[PATH_MAX];
    int known = resolve(at, path, absolute);
    int result = real_unlinkat(at, path, flags);
    if (!result && known && !(flags & AT_REMOVEDIR)) record("U\t%s\n", absolute);
    return result;
}

int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
