/* SPDX-License-Identifier: Apache-2.0
 * Where the data lie. RocksDB needs locks, mmap and an fsync that is true:
 * network file systems promise none of them. */
#include "tools/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define PATH_SIZE      4096
#define FREE_FAIL_SIZE ((uint64_t)1 << 30)
#define FREE_WARN_PART 10 /* percent */
#define SYNC_WARN_MS   20.0
#define SYNC_COUNT     8
#define SYNC_SIZE      4096

/* Not in every release's linux/magic.h. */
#define MAGIC_CIFS   0xFF534D42u
#define MAGIC_SMB2   0xFE534D42u
#define MAGIC_CEPH   0x00C36400u
#define MAGIC_LUSTRE 0x0BD00BD0u
#define MAGIC_GPFS   0x47504653u
#define MAGIC_ZFS    0x2FC12FC1u
#define MAGIC_9P     0x01021997u
#define MAGIC_FUSE   0x65735546u
#define MAGIC_NFS    0x00006969u
#define MAGIC_XFS    0x58465342u

static const struct {
    uint32_t magic;
    enum finding finding;
    const char *name;
    const char *advice;
} file_systems[] = {
    { MAGIC_NFS, FINDING_FAIL, "NFS", "use a local disk or a block volume" },
    { MAGIC_CIFS, FINDING_FAIL, "CIFS", "use a local disk or a block volume" },
    { MAGIC_SMB2, FINDING_FAIL, "SMB", "use a local disk or a block volume" },
    { MAGIC_9P, FINDING_FAIL, "9p", "use a local disk or a block volume" },
    { MAGIC_LUSTRE, FINDING_FAIL, "Lustre",
      "use a local disk or a block volume" },
    { MAGIC_GPFS, FINDING_FAIL, "GPFS", "use a local disk or a block volume" },
    { MAGIC_CEPH, FINDING_FAIL, "CephFS", "use a block volume (RBD) instead" },
    { MAGIC_FUSE, FINDING_FAIL, "FUSE",
      "use a local disk or a block volume; buckets cannot hold a database" },
    { TMPFS_MAGIC, FINDING_WARN, "tmpfs",
      "the data end with the machine: use a disk" },
    { RAMFS_MAGIC, FINDING_WARN, "ramfs",
      "the data end with the machine: use a disk" },
    { OVERLAYFS_SUPER_MAGIC, FINDING_WARN, "overlayfs",
      "the data end with the container: mount a volume there" },
    { EXT4_SUPER_MAGIC, FINDING_OK, "ext4", NULL },
    { MAGIC_XFS, FINDING_OK, "xfs", NULL },
    { BTRFS_SUPER_MAGIC, FINDING_OK, "btrfs", NULL },
    { MAGIC_ZFS, FINDING_OK, "zfs", NULL },
};

static void
check_type(struct doctor *doctor, const char *check, const char *path)
{
    struct statfs about;
    if (statfs(path, &about) != 0)
        return;
    uint32_t magic = (uint32_t)about.f_type;
    for (size_t i = 0; i < sizeof(file_systems) / sizeof(file_systems[0]);
         i++) {
        if (file_systems[i].magic != magic)
            continue;
        doctor_say(doctor, file_systems[i].finding, check,
                   file_systems[i].advice, "%s is on %s", path,
                   file_systems[i].name);
        return;
    }
    doctor_say(doctor, FINDING_OK, check, NULL,
               "%s is on a file system of type 0x%" PRIx32, path, magic);
}

static void
check_space(struct doctor *doctor, const char *check, const char *path)
{
    struct statvfs about;
    static const char advice[] = "free some space or give it a larger disk: "
                                 "writes are refused when it is full";
    if (statvfs(path, &about) != 0)
        return;
    uint64_t free_size = (uint64_t)about.f_bavail * about.f_frsize;
    uint64_t total = (uint64_t)about.f_blocks * about.f_frsize;
    uint64_t part = total == 0 ? 100 : free_size * 100 / total;
    enum finding finding = free_size < FREE_FAIL_SIZE ? FINDING_FAIL
                           : part < FREE_WARN_PART    ? FINDING_WARN
                                                      : FINDING_OK;
    doctor_say(doctor, finding, check, advice,
               "%" PRIu64 " of %" PRIu64 " MiB (%" PRIu64 " %%) are free",
               free_size >> 20, total >> 20, part);
    if (about.f_files > 0 && about.f_favail * 100 / about.f_files < 5)
        doctor_say(doctor, FINDING_WARN, check,
                   "delete files that nobody needs",
                   "fewer than 5 %% of the inodes are free");
}

static double
sync_ms(int file)
{
    static const char block[SYNC_SIZE];
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (int i = 0; i < SYNC_COUNT; i++)
        if (pwrite(file, block, sizeof(block), 0) != (ssize_t)sizeof(block) ||
            fdatasync(file) != 0)
            return -1;
    clock_gettime(CLOCK_MONOTONIC, &end);
    return ((double)(end.tv_sec - start.tv_sec) * 1e3 +
            (double)(end.tv_nsec - start.tv_nsec) / 1e6) /
           SYNC_COUNT;
}

static void
check_sync(struct doctor *doctor, const char *check, const char *path)
{
    char probe[PATH_SIZE];
    int size = snprintf(probe, sizeof(probe), "%s/.doctor-XXXXXX", path);
    int file = size > 0 && (size_t)size < sizeof(probe) ? mkstemp(probe) : -1;
    if (file < 0)
        return;
    double ms = sync_ms(file);
    unlink(probe);
    close(file);
    if (ms < 0) {
        doctor_say(doctor, FINDING_FAIL, check,
                   "look at the disk and its kernel messages (dmesg)",
                   "a write to %s could not be synced: %s", path,
                   strerror(errno));
        return;
    }
    doctor_say(doctor, ms > SYNC_WARN_MS ? FINDING_WARN : FINDING_OK, check,
               "each acknowledged write waits for it: use a faster disk, or "
               "larger batches",
               "a sync takes %.2f ms", ms);
}

/* False when there is nothing to look at any further. */
static bool
check_rights(struct doctor *doctor, const char *check, const char *path)
{
    struct stat about;
    if (stat(path, &about) != 0) {
        doctor_say(doctor, FINDING_FAIL, check,
                   "make it and give it to the engine's user (install -d -o "
                   "azimuth -m 700), or name the right one",
                   "%s: %s", path, strerror(errno));
        return false;
    }
    if (!S_ISDIR(about.st_mode)) {
        doctor_say(doctor, FINDING_FAIL, check, "name a folder",
                   "%s is no folder", path);
        return false;
    }
    if (access(path, R_OK | W_OK | X_OK) != 0) {
        doctor_say(doctor, FINDING_FAIL, check,
                   "run this as the engine's user, or chown the folder to it",
                   "user %u cannot write to %s", (unsigned)geteuid(), path);
        return false;
    }
    if ((about.st_mode & S_IWOTH) != 0)
        doctor_say(doctor, FINDING_FAIL, check, "chmod o-w that folder",
                   "everybody may write to %s", path);
    else if ((about.st_mode & (S_IROTH | S_IXOTH)) != 0)
        doctor_say(doctor, FINDING_WARN, check, "chmod 700 that folder",
                   "everybody may read %s", path);
    else
        doctor_say(doctor, FINDING_OK, check, NULL, "%s is of user %u, mode %o",
                   path, (unsigned)about.st_uid,
                   (unsigned)about.st_mode & 07777u);
    return true;
}

void
doctor_folder(struct doctor *doctor, const char *check, const char *path)
{
    if (!check_rights(doctor, check, path))
        return;
    check_type(doctor, check, path);
    check_space(doctor, check, path);
    check_sync(doctor, check, path);
}
