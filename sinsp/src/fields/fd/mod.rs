//! `fd.*`: the file descriptor that an event works on.
//!
//! Only events that create, use or close a file descriptor have these fields. If the call failed there may be no file
//! descriptor, and the name comes from the event.

mod file;
mod net;

use super::macros::fields;
use super::none;
use super::value::{Value, concat};
use crate::Event;
use crate::state::Fd;
pub(crate) use file::name;

fields! {
    /// The file descriptor that the event works on: a file, a socket or another object.
    pub(crate) FD = "fd" "" {
        "fd.num" Int64 id, Event, |e, _, _| e.is_about_fd().then(|| e.fd_num().into()),
            "the number of the file descriptor; if the call failed, the error." on open = "3";
        "fd.type" CharBuf dec, Fd, |e, _, _| Some(fd(e)?.kind.type_name().unwrap_or("<NA>").into()),
            "the type: file, directory, ipv4, ipv6, unix, pipe, event, signalfd, eventpoll, inotify, timerfd, \
             netlink, bpf, userfaultfd, io_uring, memfd or pidfd." on open = "file";
        "fd.typechar" CharBuf dec, Fd, |e, _, _| file::type_char(e),
            "`fd.type` as one character." on open = "f";
        "fd.name" CharBuf na, Fd, |e, _, arena| file::name(e, arena).map(Value::Bytes),
            "the full name: a path for files, both ends for connections." on open = "/etc/hosts";
        "fd.directory" CharBuf na, Fd, |e, _, arena| file::directory(e, arena).map(Value::Bytes),
            "the directory of a file, or the path of a directory." on open = "/etc";
        "fd.filename" CharBuf na, Fd, |e, _, _| file::file_name(e).map(Value::Bytes),
            "the name of a file without its directory." on open = "hosts";
        "fd.ip" IpAddr na [FILTER_ONLY|NO_TRANSFORMER|NO_RHS], Fd, net::any_ip, text none,
            "the address of either end: `=` is true if it is for one, `!=` if it is for both." on connect = none;
        "fd.cip" IpAddr na, Fd, |e, _, _| Some(net::client(e)?.0.into()),
            "the client's address." on connect = "10.0.0.7";
        "fd.sip" IpAddr na, Fd, |e, _, _| Some(net::server(e)?.0.into()),
            "the server's address." on connect = "10.0.0.5";
        "fd.lip" IpAddr na, Event, |e, _, _| Some(net::local(e)?.0.into()),
            "the address of the host's end." on connect = "10.0.0.7";
        "fd.rip" IpAddr na, Event, |e, _, _| Some(net::remote(e)?.0.into()),
            "the address of the remote end." on connect = "10.0.0.5";
        "fd.port" Port dec [FILTER_ONLY|NO_TRANSFORMER|NO_RHS], Fd, net::any_port, text none,
            "the port of either end, as `fd.ip`." on connect = none;
        "fd.cport" Port dec, Fd, |e, _, _| Some(net::client(e)?.1.into()),
            "the client's port." on connect = "41000";
        "fd.sport" Port dec, Fd, |e, _, _| net::server_port(e),
            "the server's port." on connect = "8080";
        "fd.lport" Port dec, Event, |e, _, _| Some(net::local(e)?.1.into()),
            "the port of the host's end." on connect = "41000";
        "fd.rport" Port dec, Event, |e, _, _| Some(net::remote(e)?.1.into()),
            "the port of the remote end." on connect = "8080";
        "fd.l4proto" CharBuf na, Fd, |e, _, _| Some(net::l4_name(fd(e)?).into()),
            "the protocol over IP: tcp, udp, icmp or raw; `<NA>` if there is none." on connect = "tcp";
        "fd.sockfamily" CharBuf na, Fd, |e, _, _| net::family(fd(e)?).map(Value::from),
            "for sockets `ip` or `unix`." on connect = "ip";
        "fd.is_server" Bool na, Event, net::is_server,
            "whether the server's end is on the host." on connect = "false";
        "fd.uid" CharBuf na, Event, file::unique_id,
            "thread id and file descriptor number, concatenated." on open = "10013";
        "fd.containername" CharBuf na, Event, |e, _, arena| {
                let name = file::name(e, arena)?;
                Some(Value::Bytes(concat(&[&e.thread()?.container_id, b":", name], arena)))
            },
            "`container.id`, a colon, and `fd.name`." on open = ":/etc/hosts";
        "fd.containerdirectory" CharBuf na, Event, |e, _, arena| {
                let directory = file::directory(e, arena)?;
                Some(Value::Bytes(concat(&[&e.thread()?.container_id, b":", directory], arena)))
            },
            "`container.id`, a colon, and `fd.directory`." on open = ":/etc";
        "fd.proto" Port na [FILTER_ONLY|NO_TRANSFORMER|NO_RHS], Fd, net::any_port, text none,
            "as `fd.port`; conditions can use names of services." on connect = none;
        "fd.cproto" CharBuf na, Fd, net::client_proto,
            "the client's port as text." on connect = "41000";
        "fd.sproto" CharBuf na, Fd, net::server_proto,
            "the server's port as text; empty for a socket that listens." on connect = "8080";
        "fd.lproto" CharBuf na, Event, |e, _, arena| Some(net::port_text(net::local(e)?.1, arena)),
            "the port of the host's end as text." on connect = "41000";
        "fd.rproto" CharBuf na, Event, |e, _, arena| Some(net::port_text(net::remote(e)?.1, arena)),
            "the port of the remote end as text." on connect = "8080";
        "fd.net" IpNet na [FILTER_ONLY|NO_TRANSFORMER|NO_RHS], Fd, net::any_ip, text none,
            "the address of either end, compared with networks, as `fd.ip`." on connect = none;
        "fd.cnet" IpNet na [FILTER_ONLY|NO_TRANSFORMER|NO_RHS], Fd, |e, _, _| Some(net::client(e)?.0.into()),
            text |e, _, _| net::client(e).map(|_| net::NETWORK),
            "the client's address, compared with networks." on connect = "<IPNET>";
        "fd.snet" IpNet na [FILTER_ONLY|NO_TRANSFORMER|NO_RHS], Fd, |e, _, _| Some(net::server(e)?.0.into()),
            text |e, _, _| net::server(e).map(|_| net::NETWORK),
            "the server's address, compared with networks." on connect = "<IPNET>";
        "fd.lnet" IpNet na [FILTER_ONLY|NO_TRANSFORMER|NO_RHS], Event, |e, _, _| Some(net::local(e)?.0.into()),
            text |e, _, _| net::local(e).map(|_| net::NETWORK),
            "the address of the host's end, compared with networks." on connect = "<IPNET>";
        "fd.rnet" IpNet na [FILTER_ONLY|NO_TRANSFORMER|NO_RHS], Event, |e, _, _| Some(net::remote(e)?.0.into()),
            text |e, _, _| net::remote(e).map(|_| net::NETWORK),
            "the address of the remote end, compared with networks." on connect = "<IPNET>";
        "fd.connected" Bool na, Fd, net::is_connected,
            "whether the socket is connected." on connect = "true";
        "fd.name_changed" Bool na, Event, |e, _, _| { fd(e)?; Some(e.facts().fd_name_changed.into()) },
            "whether the event changed the name of the file descriptor." on connect = "true";
        "fd.cip.name" CharBuf na [NO_TRANSFORMER|NO_RHS], Event, |e, _, arena| net::named(e, net::client(e), arena), text none,
            "a name of the client's address: conditions compare the address with those that the name resolves to."
            on connect = none;
        "fd.sip.name" CharBuf na [NO_TRANSFORMER|NO_RHS], Event, |e, _, arena| net::named(e, net::server(e), arena), text none,
            "a name of the server's address, as `fd.cip.name`." on connect = none;
        "fd.lip.name" CharBuf na [NO_TRANSFORMER|NO_RHS], Event, |e, _, arena| net::named(e, net::local(e), arena), text none,
            "a name of the address of the host's end, as `fd.cip.name`." on connect = none;
        "fd.rip.name" CharBuf na [NO_TRANSFORMER|NO_RHS], Event, |e, _, arena| net::named(e, net::remote(e), arena), text none,
            "a name of the address of the remote end, as `fd.cip.name`." on connect = none;
        "fd.dev" Int32 hex, Fd, |e, _, _| Some(Value::I64((fd(e)?.dev as i32).into())),
            "the device that the file lies on, in hexadecimal." on open = "802";
        "fd.dev.major" Int32 dec, Fd, |e, _, _| Some(Value::I64(fd(e)?.dev_major().into())),
            "the major number of that device." on open = "8";
        "fd.dev.minor" Int32 dec, Fd, |e, _, _| Some(Value::I64(fd(e)?.dev_minor().into())),
            "the minor number of that device." on open = "2";
        "fd.ino" Int64 dec, Fd, |e, _, _| Some(Value::I64(fd(e)?.ino as i64)),
            "the inode of the file." on open = "77";
        "fd.nameraw" CharBuf na, Fd, |e, _, arena| file::name_raw(e, arena).map(Value::Bytes),
            "the path as the process gave it, which may be relative." on open = "/etc/hosts";
        "fd.realpath" CharBuf na, Fd, |e, _, _| file::real_path(e).map(Value::Bytes),
            "the path of an opened file as the kernel resolved it, without links and `..`; events of \
             Falco's drivers do not have it." on open = none;
        "fd.devpath" CharBuf na, Fd, |e, _, arena| file::device_path(e, arena).map(Value::Bytes),
            "the path of an opened file from the root of its own file system, which does not depend on mounts: \
             `/etc/shadow` under any name that a bind mount gives it." on open = none;
        "fd.pathstate" CharBuf na, Fd, |e, _, _| fd(e)?.place.state_name().map(Value::from),
            "what is known of `fd.realpath`: whole, deleted (the path that it had), detached (from the top of a tree \
             that is mounted nowhere), cut (too long or too deep to be reported) or none (in no directory)."
            on open = none;
        "fd.types" CharBuf dec [IS_LIST|ARG_ALLOWED|NO_RHS] (Fd), Event, file::types,
            "the types of all open file descriptors of the process, each once; with a number the type of that one."
            on open = "(file)";
        "fd.is_upper_layer" Bool na, Fd, |e, _, _| Some((fd(e)?.overlay == crate::state::Overlay::Upper).into()),
            "whether the file lies in the upper layer of an overlay." on open = "false";
        "fd.is_lower_layer" Bool na, Fd, |e, _, _| Some((fd(e)?.overlay == crate::state::Overlay::Lower).into()),
            "whether the file lies in the lower layer of an overlay." on open = "false";
    }
}

/// Returns the file descriptor that the event is about.
#[inline]
pub(super) fn fd<'e>(e: &'e Event<'e>) -> Option<&'e Fd> {
    if e.is_about_fd() { e.fd() } else { None }
}
