//! Files and directories: open, stat, rename, mount and other calls that name a path.
//!
//! Rows only; see [`events!`](crate::schema::macros) for the syntax.

crate::schema::macros::events! {
    2 OPEN_E open_e = "open" [FILE | SYSCALL] {CREATES_FD | MODIFIES_STATE | CONVERTED} (
        name: FsPath na is Path, flags: Flags32 hex in FILE_FLAGS is Flags, mode: UInt32 oct is Mode,
    )
    3 OPEN_X open_x = "open" [FILE | SYSCALL] {CREATES_FD | MODIFIES_STATE | CONVERTED} does Opens (
        fd: Fd dec, name: FsPath na is Path, flags: Flags32 hex in FILE_FLAGS is Flags,
        mode: UInt32 oct is Mode, dev: UInt32 hex is Device,
        ino: UInt64 dec is Inode,
    )
    58 CREAT_E creat_e = "creat" [FILE | SYSCALL] {CREATES_FD | MODIFIES_STATE | CONVERTED} (
        name: FsPath na is Path, mode: UInt32 oct is Mode,
    )
    59 CREAT_X creat_x = "creat" [FILE | SYSCALL] {CREATES_FD | MODIFIES_STATE | CONVERTED} does Opens (
        fd: Fd dec, name: FsPath na is Path, mode: UInt32 oct is Mode, dev: UInt32 hex is Device,
        ino: UInt64 dec is Inode,
        creat_flags: Flags16 hex in CREAT_FLAGS is Layers,
    )
    66 STAT_E stat_e = "stat" [FILE | SYSCALL] {OLD_VERSION} ()
    67 STAT_X stat_x = "stat" [FILE | SYSCALL] {} (res: Errno dec, path: FsPath na)
    68 LSTAT_E lstat_e = "lstat" [FILE | SYSCALL] {OLD_VERSION} ()
    69 LSTAT_X lstat_x = "lstat" [FILE | SYSCALL] {} (res: Errno dec, path: FsPath na)
    70 FSTAT_E fstat_e = "fstat" [FILE | SYSCALL] {USES_FD | OLD_VERSION | CONVERTED} (fd: Fd na)
    71 FSTAT_X fstat_x = "fstat" [FILE | SYSCALL] {USES_FD | CONVERTED} (res: Errno dec, fd: Fd na)
    72 STAT64_E stat64_e = "stat64" [FILE | SYSCALL] {OLD_VERSION} ()
    73 STAT64_X stat64_x = "stat64" [FILE | SYSCALL] {} (res: Errno dec, path: FsPath na)
    74 LSTAT64_E lstat64_e = "lstat64" [FILE | SYSCALL] {OLD_VERSION} ()
    75 LSTAT64_X lstat64_x = "lstat64" [FILE | SYSCALL] {} (res: Errno dec, path: FsPath na)
    76 FSTAT64_E fstat64_e = "fstat64" [FILE | SYSCALL] {USES_FD | OLD_VERSION} (fd: Fd na)
    77 FSTAT64_X fstat64_x = "fstat64" [FILE | SYSCALL] {} (res: Errno dec)
    92 GETCWD_E getcwd_e = "getcwd" [FILE | SYSCALL] {OLD_VERSION} ()
    93 GETCWD_X getcwd_x = "getcwd" [FILE | SYSCALL] {} (res: Errno dec, path: CharBuf na)
    94 CHDIR_E chdir_e = "chdir" [FILE | SYSCALL] {MODIFIES_STATE | OLD_VERSION} ()
    95 CHDIR_X chdir_x = "chdir" [FILE | SYSCALL] {MODIFIES_STATE} (res: Errno dec, path: CharBuf na)
    96 FCHDIR_E fchdir_e = "fchdir" [FILE | SYSCALL] {USES_FD | MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        fd: Fd na,
    )
    97 FCHDIR_X fchdir_x = "fchdir" [FILE | SYSCALL] {USES_FD | MODIFIES_STATE | CONVERTED} (
        res: Errno dec, fd: Fd na,
    )
    174 RENAME_E rename_e = "rename" [FILE | SYSCALL] {OLD_VERSION} ()
    175 RENAME_X rename_x = "rename" [FILE | SYSCALL] {} (
        res: Errno dec, oldpath: FsPath na, newpath: FsPath na,
    )
    176 RENAMEAT_E renameat_e = "renameat" [FILE | SYSCALL] {OLD_VERSION} ()
    177 RENAMEAT_X renameat_x = "renameat" [FILE | SYSCALL] {} (
        res: Errno dec, olddirfd: Fd dec, oldpath: FsRelPath na at 1, newdirfd: Fd dec,
        newpath: FsRelPath na at 3,
    )
    178 SYMLINK_E symlink_e = "symlink" [FILE | SYSCALL] {OLD_VERSION} ()
    179 SYMLINK_X symlink_x = "symlink" [FILE | SYSCALL] {} (
        res: Errno dec, target: CharBuf na, linkpath: FsPath na,
    )
    180 SYMLINKAT_E symlinkat_e = "symlinkat" [FILE | SYSCALL] {OLD_VERSION} ()
    181 SYMLINKAT_X symlinkat_x = "symlinkat" [FILE | SYSCALL] {USES_FD} (
        res: Errno dec, target: CharBuf na, linkdirfd: Fd dec, linkpath: FsRelPath na at 2,
    )
    236 GETDENTS_E getdents_e = "getdents" [FILE | SYSCALL] {USES_FD | OLD_VERSION | CONVERTED} (fd: Fd na)
    237 GETDENTS_X getdents_x = "getdents" [FILE | SYSCALL] {USES_FD | CONVERTED} (res: Errno dec, fd: Fd na)
    238 GETDENTS64_E getdents64_e = "getdents64" [FILE | SYSCALL] {USES_FD | OLD_VERSION | CONVERTED} (
        fd: Fd na,
    )
    239 GETDENTS64_X getdents64_x = "getdents64" [FILE | SYSCALL] {USES_FD | CONVERTED} (
        res: Errno dec, fd: Fd na,
    )
    242 FLOCK_E flock_e = "flock" [FILE | SYSCALL] {USES_FD | OLD_VERSION | CONVERTED} (
        fd: Fd na, operation: Flags32 hex in FLOCK_FLAGS,
    )
    243 FLOCK_X flock_x = "flock" [FILE | SYSCALL] {USES_FD | CONVERTED} (
        res: Errno dec, fd: Fd na, operation: Flags32 hex in FLOCK_FLAGS,
    )
    256 MOUNT_E mount_e = "mount" [FILE | SYSCALL] {MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        flags: Flags32 hex in MOUNT_FLAGS,
    )
    257 MOUNT_X mount_x = "mount" [FILE | SYSCALL] {MODIFIES_STATE | CONVERTED} (
        res: Errno dec, dev: CharBuf na, dir: FsPath na, r#type: CharBuf na,
        flags: Flags32 hex in MOUNT_FLAGS,
    )
    264 ACCESS_E access_e = "access" [FILE | SYSCALL] {OLD_VERSION | CONVERTED} (
        mode: Flags32 hex in ACCESS_FLAGS,
    )
    265 ACCESS_X access_x = "access" [FILE | SYSCALL] {CONVERTED} (
        res: Errno dec, name: FsPath na, mode: Flags32 hex in ACCESS_FLAGS,
    )
    276 MKDIR_2_E mkdir_2_e = "mkdir" [FILE | SYSCALL] {OLD_VERSION | CONVERTED} (mode: UInt32 hex)
    277 MKDIR_2_X mkdir_2_x = "mkdir" [FILE | SYSCALL] {CONVERTED} (
        res: Errno dec, path: FsPath na, mode: UInt32 hex,
    )
    278 RMDIR_2_E rmdir_2_e = "rmdir" [FILE | SYSCALL] {OLD_VERSION} ()
    279 RMDIR_2_X rmdir_2_x = "rmdir" [FILE | SYSCALL] {} (res: Errno dec, path: FsPath na)
    300 UNLINK_2_E unlink_2_e = "unlink" [FILE | SYSCALL] {OLD_VERSION} ()
    301 UNLINK_2_X unlink_2_x = "unlink" [FILE | SYSCALL] {} (res: Errno dec, path: FsPath na)
    302 UNLINKAT_2_E unlinkat_2_e = "unlinkat" [FILE | SYSCALL] {OLD_VERSION} ()
    303 UNLINKAT_2_X unlinkat_2_x = "unlinkat" [FILE | SYSCALL] {USES_FD} (
        res: Errno dec, dirfd: Fd dec, name: FsRelPath na at 1, flags: Flags32 hex in UNLINKAT_FLAGS,
    )
    304 MKDIRAT_E mkdirat_e = "mkdirat" [FILE | SYSCALL] {OLD_VERSION} ()
    305 MKDIRAT_X mkdirat_x = "mkdirat" [FILE | SYSCALL] {USES_FD} (
        res: Errno dec, dirfd: Fd dec, path: FsRelPath na at 1, mode: UInt32 hex,
    )
    306 OPENAT_2_E openat_2_e = "openat" [FILE | SYSCALL] {CREATES_FD | MODIFIES_STATE | CONVERTED} (
        dirfd: Fd dec, name: FsRelPath na at 0 is Path, flags: Flags32 hex in FILE_FLAGS is Flags,
        mode: UInt32 oct is Mode,
    )
    307 OPENAT_2_X openat_2_x = "openat" [FILE | SYSCALL] {CREATES_FD | MODIFIES_STATE | CONVERTED} does Opens (
        fd: Fd dec, dirfd: Fd dec, name: FsRelPath na at 1 is Path, flags: Flags32 hex in FILE_FLAGS is Flags,
        mode: UInt32 oct is Mode, dev: UInt32 hex is Device, ino: UInt64 dec is Inode,
    )
    308 LINK_2_E link_2_e = "link" [FILE | SYSCALL] {OLD_VERSION} ()
    309 LINK_2_X link_2_x = "link" [FILE | SYSCALL] {} (
        res: Errno dec, oldpath: FsPath na, newpath: FsPath na,
    )
    310 LINKAT_2_E linkat_2_e = "linkat" [FILE | SYSCALL] {OLD_VERSION} ()
    311 LINKAT_2_X linkat_2_x = "linkat" [FILE | SYSCALL] {} (
        res: Errno dec, olddir: Fd dec, oldpath: FsRelPath na at 1, newdir: Fd dec,
        newpath: FsRelPath na at 3, flags: Flags32 hex in LINKAT_FLAGS,
    )
    312 FCHMODAT_E fchmodat_e = "fchmodat" [FILE | SYSCALL] {OLD_VERSION} ()
    313 FCHMODAT_X fchmodat_x = "fchmodat" [FILE | SYSCALL] {USES_FD} (
        res: Errno dec, dirfd: Fd dec, filename: FsRelPath na at 1, mode: Mode oct in CHMOD_MODE,
    )
    314 CHMOD_E chmod_e = "chmod" [FILE | SYSCALL] {OLD_VERSION} ()
    315 CHMOD_X chmod_x = "chmod" [FILE | SYSCALL] {} (
        res: Errno dec, filename: FsPath na, mode: Mode oct in CHMOD_MODE,
    )
    316 FCHMOD_E fchmod_e = "fchmod" [FILE | SYSCALL] {OLD_VERSION} ()
    317 FCHMOD_X fchmod_x = "fchmod" [FILE | SYSCALL] {USES_FD} (
        res: Errno dec, fd: Fd dec, mode: Mode oct in CHMOD_MODE,
    )
    318 RENAMEAT2_E renameat2_e = "renameat2" [FILE | SYSCALL] {OLD_VERSION} ()
    319 RENAMEAT2_X renameat2_x = "renameat2" [FILE | SYSCALL] {} (
        res: Errno dec, olddirfd: Fd dec, oldpath: FsRelPath na at 1, newdirfd: Fd dec,
        newpath: FsRelPath na at 3, flags: Flags32 hex in RENAMEAT2_FLAGS,
    )
    326 OPENAT2_E openat2_e = "openat2" [FILE | SYSCALL] {CREATES_FD | MODIFIES_STATE | CONVERTED} (
        dirfd: Fd dec, name: FsRelPath na at 0 is Path, flags: Flags32 hex in FILE_FLAGS is Flags,
        mode: UInt32 oct is Mode,
        resolve: Flags32 hex in OPENAT2_FLAGS,
    )
    327 OPENAT2_X openat2_x = "openat2" [FILE | SYSCALL] {CREATES_FD | MODIFIES_STATE | CONVERTED} does Opens (
        fd: Fd dec, dirfd: Fd dec, name: FsRelPath na at 1 is Path, flags: Flags32 hex in FILE_FLAGS is Flags,
        mode: UInt32 oct is Mode, resolve: Flags32 hex in OPENAT2_FLAGS is Resolve, dev: UInt32 hex is Device,
        ino: UInt64 dec is Inode,
    )
    336 OPEN_BY_HANDLE_AT_E open_by_handle_at_e = "open_by_handle_at" [FILE | SYSCALL] {CREATES_FD | MODIFIES_STATE | OLD_VERSION} (

    )
    337 OPEN_BY_HANDLE_AT_X open_by_handle_at_x = "open_by_handle_at" [FILE | SYSCALL] {CREATES_FD | MODIFIES_STATE} does Opens (
        fd: Fd dec, mountfd: Fd dec, flags: Flags32 hex in FILE_FLAGS is Flags,
        path: FsPath na is ResolvedPath, dev: UInt32 hex is Device,
        ino: UInt64 dec is Inode,
    )
    378 CHOWN_E chown_e = "chown" [FILE | SYSCALL] {OLD_VERSION} ()
    379 CHOWN_X chown_x = "chown" [FILE | SYSCALL] {} (
        res: Errno dec, path: FsPath na, uid: UInt32 dec, gid: UInt32 dec,
    )
    380 LCHOWN_E lchown_e = "lchown" [FILE | SYSCALL] {OLD_VERSION} ()
    381 LCHOWN_X lchown_x = "lchown" [FILE | SYSCALL] {} (
        res: Errno dec, path: FsPath na, uid: UInt32 dec, gid: UInt32 dec,
    )
    382 FCHOWN_E fchown_e = "fchown" [FILE | SYSCALL] {OLD_VERSION} ()
    383 FCHOWN_X fchown_x = "fchown" [FILE | SYSCALL] {USES_FD} (
        res: Errno dec, fd: Fd dec, uid: UInt32 dec, gid: UInt32 dec,
    )
    384 FCHOWNAT_E fchownat_e = "fchownat" [FILE | SYSCALL] {OLD_VERSION} ()
    385 FCHOWNAT_X fchownat_x = "fchownat" [FILE | SYSCALL] {USES_FD} (
        res: Errno dec, dirfd: Fd dec, pathname: FsRelPath na at 1, uid: UInt32 dec, gid: UInt32 dec,
        flags: Flags32 hex in FCHOWNAT_FLAGS,
    )
    386 UMOUNT_1_E umount_1_e = "umount" [FILE | SYSCALL] {MODIFIES_STATE | OLD_VERSION} ()
    387 UMOUNT_1_X umount_1_x = "umount" [FILE | SYSCALL] {MODIFIES_STATE} (res: Errno dec, name: FsPath na)
    390 UMOUNT2_E umount2_e = "umount2" [FILE | SYSCALL] {MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        flags: Flags32 hex in UMOUNT_FLAGS,
    )
    391 UMOUNT2_X umount2_x = "umount2" [FILE | SYSCALL] {MODIFIES_STATE | CONVERTED} (
        res: Errno dec, name: FsPath na, flags: Flags32 hex in UMOUNT_FLAGS,
    )
    418 NEWFSTATAT_E newfstatat_e = "newfstatat" [FILE | SYSCALL] {OLD_VERSION} ()
    419 NEWFSTATAT_X newfstatat_x = "newfstatat" [FILE | SYSCALL] {USES_FD} (
        res: Errno dec, dirfd: Fd dec, path: FsRelPath na at 1, flags: Flags32 hex in NEWFSTATAT_FLAGS,
    )
}
