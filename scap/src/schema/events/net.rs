//! Sockets: socket, bind, connect, accept, the send and receive families and socket options.
//!
//! Rows only; see [`events!`](crate::schema::macros) for the syntax.

crate::schema::macros::events! {
    18 SOCKET_E socket_e = "socket" [NET | SYSCALL] {CREATES_FD | MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        domain: EnumFlags32 dec in SOCKET_FAMILIES, r#type: UInt32 dec, proto: UInt32 dec,
    )
    19 SOCKET_X socket_x = "socket" [NET | SYSCALL] {CREATES_FD | MODIFIES_STATE | CONVERTED} (
        fd: Fd dec, domain: EnumFlags32 dec in SOCKET_FAMILIES, r#type: UInt32 dec, proto: UInt32 dec,
        flags: Flags32 hex in FILE_FLAGS,
    )
    20 BIND_E bind_e = "bind" [NET | SYSCALL] {USES_FD | MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        fd: Fd dec,
    )
    21 BIND_X bind_x = "bind" [NET | SYSCALL] {USES_FD | MODIFIES_STATE | CONVERTED} does Binds (
        res: Errno dec, addr: SockAddr na, fd: Fd dec,
    )
    22 CONNECT_E connect_e = "connect" [NET | SYSCALL] {USES_FD | MODIFIES_STATE | CONVERTED} (
        fd: Fd dec, addr: SockAddr na,
    )
    23 CONNECT_X connect_x = "connect" [NET | SYSCALL] {USES_FD | MODIFIES_STATE | CONVERTED} does Connects (
        res: Errno dec, tuple: SockTuple na is Tuple, fd: Fd dec, addr: SockAddr na,
    )
    24 LISTEN_E listen_e = "listen" [NET | SYSCALL] {USES_FD | OLD_VERSION | CONVERTED} (
        fd: Fd dec, backlog: Int32 dec,
    )
    25 LISTEN_X listen_x = "listen" [NET | SYSCALL] {USES_FD | CONVERTED} (
        res: Errno dec, fd: Fd dec, backlog: Int32 dec,
    )
    28 SEND_E send_e = "send" [IO_WRITE | SYSCALL] {USES_FD | WRITES_TO_FD | OLD_VERSION | CONVERTED} (
        fd: Fd dec, size: UInt32 dec,
    )
    29 SEND_X send_x = "send" [IO_WRITE | SYSCALL] {USES_FD | WRITES_TO_FD | CONVERTED} does Sends (
        res: Errno dec, data: ByteBuf na, fd: Fd dec, size: UInt32 dec, tuple: SockTuple na is Tuple,
    )
    30 SENDTO_E sendto_e = "sendto" [IO_WRITE | SYSCALL] {USES_FD | WRITES_TO_FD | MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        fd: Fd dec, size: UInt32 dec, tuple: SockTuple na,
    )
    31 SENDTO_X sendto_x = "sendto" [IO_WRITE | SYSCALL] {USES_FD | WRITES_TO_FD | MODIFIES_STATE | CONVERTED} does Sends (
        res: Errno dec, data: ByteBuf na, fd: Fd dec, size: UInt32 dec, tuple: SockTuple na is Tuple,
    )
    32 RECV_E recv_e = "recv" [IO_READ | SYSCALL] {USES_FD | READS_FROM_FD | OLD_VERSION | CONVERTED} (
        fd: Fd dec, size: UInt32 dec,
    )
    33 RECV_X recv_x = "recv" [IO_READ | SYSCALL] {USES_FD | READS_FROM_FD | CONVERTED} does Receives (
        res: Errno dec, data: ByteBuf na, fd: Fd dec, size: UInt32 dec, tuple: SockTuple na is Tuple,
    )
    34 RECVFROM_E recvfrom_e = "recvfrom" [IO_READ | SYSCALL] {USES_FD | READS_FROM_FD | MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        fd: Fd dec, size: UInt32 dec,
    )
    35 RECVFROM_X recvfrom_x = "recvfrom" [IO_READ | SYSCALL] {USES_FD | READS_FROM_FD | MODIFIES_STATE | CONVERTED} does Receives (
        res: Errno dec, data: ByteBuf na, tuple: SockTuple na is Tuple, fd: Fd dec, size: UInt32 dec,
    )
    36 SHUTDOWN_E shutdown_e = "shutdown" [NET | SYSCALL] {USES_FD | MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        fd: Fd dec, how: EnumFlags8 hex in SHUTDOWN_HOW,
    )
    37 SHUTDOWN_X shutdown_x = "shutdown" [NET | SYSCALL] {USES_FD | MODIFIES_STATE | CONVERTED} does ShutsDown (
        res: Errno dec, fd: Fd dec, how: EnumFlags8 hex in SHUTDOWN_HOW,
    )
    38 GETSOCKNAME_E getsockname_e = "getsockname" [NET | SYSCALL] {OLD_VERSION} ()
    39 GETSOCKNAME_X getsockname_x = "getsockname" [NET | SYSCALL] {} ()
    40 GETPEERNAME_E getpeername_e = "getpeername" [NET | SYSCALL] {OLD_VERSION} ()
    41 GETPEERNAME_X getpeername_x = "getpeername" [NET | SYSCALL] {} ()
    42 SOCKETPAIR_E socketpair_e = "socketpair" [IPC | SYSCALL] {CREATES_FD | MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        domain: EnumFlags32 dec in SOCKET_FAMILIES, r#type: UInt32 dec, proto: UInt32 dec,
    )
    43 SOCKETPAIR_X socketpair_x = "socketpair" [IPC | SYSCALL] {CREATES_FD | MODIFIES_STATE | CONVERTED} (
        res: Errno dec, fd1: Fd dec, fd2: Fd dec, source: UInt64 hex, peer: UInt64 hex,
        domain: EnumFlags32 dec in SOCKET_FAMILIES, r#type: UInt32 dec, proto: UInt32 dec,
    )
    44 SETSOCKOPT_E setsockopt_e = "setsockopt" [NET | SYSCALL] {OLD_VERSION} ()
    45 SETSOCKOPT_X setsockopt_x = "setsockopt" [NET | SYSCALL] {USES_FD} (
        res: Errno dec, fd: Fd dec, level: EnumFlags8 dec in SOCKOPT_LEVELS,
        optname: EnumFlags8 dec in SOCKOPT_OPTIONS, val: Dyn dec one_of SOCKOPT, optlen: UInt32 dec,
    )
    46 GETSOCKOPT_E getsockopt_e = "getsockopt" [NET | SYSCALL] {MODIFIES_STATE | OLD_VERSION} ()
    47 GETSOCKOPT_X getsockopt_x = "getsockopt" [NET | SYSCALL] {USES_FD | MODIFIES_STATE} (
        res: Errno dec, fd: Fd dec, level: EnumFlags8 dec in SOCKOPT_LEVELS,
        optname: EnumFlags8 dec in SOCKOPT_OPTIONS, val: Dyn dec one_of SOCKOPT, optlen: UInt32 dec,
    )
    48 SENDMSG_E sendmsg_e = "sendmsg" [IO_WRITE | SYSCALL] {USES_FD | WRITES_TO_FD | MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        fd: Fd dec, size: UInt32 dec, tuple: SockTuple na,
    )
    49 SENDMSG_X sendmsg_x = "sendmsg" [IO_WRITE | SYSCALL] {USES_FD | WRITES_TO_FD | MODIFIES_STATE | CONVERTED} does Sends (
        res: Errno dec, data: ByteBuf na, fd: Fd dec, size: UInt32 dec, tuple: SockTuple na is Tuple,
    )
    50 SENDMMSG_E sendmmsg_e = "sendmmsg" [IO_WRITE | SYSCALL] {OLD_VERSION} ()
    51 SENDMMSG_X sendmmsg_x = "sendmmsg" [IO_WRITE | SYSCALL] {USES_FD | WRITES_TO_FD | MODIFIES_STATE | CONVERTED} does Sends (
        res: Errno dec, fd: Fd dec, size: UInt32 dec, data: ByteBuf na, tuple: SockTuple na is Tuple,
    )
    52 RECVMSG_E recvmsg_e = "recvmsg" [IO_READ | SYSCALL] {USES_FD | READS_FROM_FD | MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        fd: Fd dec,
    )
    53 RECVMSG_X recvmsg_x = "recvmsg" [IO_READ | SYSCALL] {USES_FD | READS_FROM_FD | MODIFIES_STATE | CONVERTED} does Receives (
        res: Errno dec, size: UInt32 dec, data: ByteBuf na, tuple: SockTuple na is Tuple, msgcontrol: ByteBuf na is Control,
        fd: Fd dec,
    )
    54 RECVMMSG_E recvmmsg_e = "recvmmsg" [IO_READ | SYSCALL] {OLD_VERSION} ()
    55 RECVMMSG_X recvmmsg_x = "recvmmsg" [IO_READ | SYSCALL] {USES_FD | READS_FROM_FD | MODIFIES_STATE | CONVERTED} does Receives (
        res: Errno dec, fd: Fd dec, size: UInt32 dec, data: ByteBuf na, tuple: SockTuple na is Tuple,
        msgcontrol: ByteBuf na is Control,
    )
    246 ACCEPT_5_E accept_5_e = "accept" [NET | SYSCALL] {CREATES_FD | MODIFIES_STATE | OLD_VERSION} ()
    247 ACCEPT_5_X accept_5_x = "accept" [NET | SYSCALL] {CREATES_FD | MODIFIES_STATE} does Accepts (
        fd: Fd dec, tuple: SockTuple na is Tuple, queuepct: UInt8 dec, queuelen: UInt32 dec, queuemax: UInt32 dec,
    )
    388 ACCEPT4_6_E accept4_6_e = "accept4" [NET | SYSCALL] {CREATES_FD | MODIFIES_STATE | OLD_VERSION | CONVERTED} (
        flags: Int32 hex,
    )
    389 ACCEPT4_6_X accept4_6_x = "accept4" [NET | SYSCALL] {CREATES_FD | MODIFIES_STATE | CONVERTED} does Accepts (
        fd: Fd dec, tuple: SockTuple na is Tuple, queuepct: UInt8 dec, queuelen: UInt32 dec, queuemax: UInt32 dec,
        flags: Int32 hex is Flags,
    )
}
