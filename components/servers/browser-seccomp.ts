/**
 * System calls of a container whose browser keeps its own sandbox. Chromium puts each page's process into a user
 * namespace of its own, which an engine's usual profile denies; a profile replaces the usual one as a whole, so this
 * one names all that Node and Chromium may call.
 *
 * Being root of a namespace of one's own opens parts of the kernel that are closed otherwise. So those that such a root
 * could misuse stay closed: mounts, other namespaces' doors, packet filters, bpf, perf, keys, tracing, io_uring.
 */
const allowed = {
  files: `access chdir chmod chown close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2 fadvise64
    fallocate fchdir fchmod fchmodat fchmodat2 fchown fchownat fcntl fdatasync fgetxattr flistxattr flock fremovexattr
    fsetxattr fstat fstatfs fsync ftruncate futimesat getcwd getdents getdents64 getxattr inotify_add_watch inotify_init
    inotify_init1 inotify_rm_watch ioctl lchown lgetxattr link linkat listxattr llistxattr lseek lsetxattr lstat mkdir
    mkdirat newfstatat open openat openat2 pipe pipe2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead
    readlink readlinkat readv removexattr rename renameat renameat2 rmdir sendfile setxattr splice stat statfs statx
    symlink symlinkat sync sync_file_range syncfs tee truncate umask unlink unlinkat utime utimensat utimes vmsplice
    write writev`,
  memory: `brk madvise membarrier memfd_create mincore mlock mlock2 mlockall mmap mprotect mremap msync munlock munlockall
    munmap pkey_alloc pkey_free pkey_mprotect shmat shmctl shmdt shmget`,
  processes: `arch_prctl capget capset clone execve execveat exit exit_group fork futex futex_waitv get_robust_list
    getegid geteuid getgid getgroups getpgid getpgrp getpid getppid getpriority getresgid getresuid getrlimit getrusage
    getsid gettid getuid kill pause pidfd_open pidfd_send_signal prctl prlimit64 restart_syscall rseq sched_getaffinity
    sched_getattr sched_getparam sched_get_priority_max sched_get_priority_min sched_getscheduler sched_setaffinity
    sched_setattr sched_setparam sched_setscheduler sched_yield seccomp set_robust_list set_tid_address setfsgid setfsuid
    setgid setgroups setpgid setpriority setregid setresgid setresuid setreuid setrlimit setsid setuid tgkill tkill vfork
    wait4 waitid`,
  signals: `rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait
    rt_tgsigqueueinfo sigaltstack signalfd signalfd4`,
  waiting: `epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 poll ppoll pselect6
    select`,
  time: `alarm clock_getres clock_gettime clock_nanosleep getitimer gettimeofday nanosleep setitimer time timer_create
    timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime timerfd_settime times`,
  sockets: `accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg recvmsg sendmmsg
    sendmsg sendto setsockopt shutdown socketpair`,
  // What Chromium's sandbox is built with: a namespace, and an empty root.
  sandbox: "chroot unshare",
  machine: "getcpu getrandom sysinfo uname",
};

/** Families of sockets that there are: local, IPv4, IPv6, and the kernel's own routes, which tell a browser its addresses. */
const families = { AF_UNIX: 1, AF_INET: 2, AF_INET6: 10 };
const netlink = { family: 16, routes: 0 };
const equals = (index: number, value: number) => ({ index, value, op: "SCMP_CMP_EQ" });
const allow = (names: readonly string[], args: readonly object[] = []) => ({ names, args, action: "SCMP_ACT_ALLOW" });

/** The profile as the engine takes it: `seccomp=<this>` among a container's security options. */
export const browserSeccomp = JSON.stringify({
  defaultAction: "SCMP_ACT_ERRNO",
  architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
  syscalls: [
    allow(Object.values(allowed).flatMap((names) => names.split(/\s+/))),
    ...Object.values(families).map((family) => allow(["socket"], [equals(0, family)])),
    allow(["socket"], [equals(0, netlink.family), equals(2, netlink.routes)]),
    // The C library takes `clone` where the kernel knows no `clone3` (ENOSYS), but gives up where it is forbidden.
    { names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: 38 },
    // A program may ask which personality it has, or set the usual one.
    ...[0, 0xffffffff].map((personality) => allow(["personality"], [equals(0, personality)])),
  ],
});
