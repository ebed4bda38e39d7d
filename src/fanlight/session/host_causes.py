"""What `fanlight doctor` finds on a host and on a session's path, by stable codes.

Together with `causes` this is the one table: `ALL` has both, and each code a page.
"""

from __future__ import annotations

from .causes import CAUSES, Cause

HOST_CAUSES: dict[str, Cause] = {
    "package-missing": Cause(
        "A system package is missing",
        "A program or plug-in that every session needs is not installed on this host.",
        "operator",
        "Tell whoever runs the server.",
        "The doctor looks for each program, GStreamer element and built file by name.",
        "Run the command that the doctor prints; `./dev up` installs everything by itself.",
    ),
    "host-unfit": Cause(
        "This host cannot make a machine",
        "Something that the kernel or its settings must allow is not allowed here.",
        "operator",
        "Tell whoever runs the server.",
        "The doctor makes a sandbox as a machine's is made, and one inside it.",
        "The finding names the setting; user namespaces are switched off on some systems.",
    ),
    "vm-unfit": Cause(
        "This host cannot give a virtual machine its network",
        "A virtual machine's cable to the host (a tap) cannot be made here.",
        "operator",
        "Tell whoever runs the server.",
        "The doctor makes a tap in a namespace of its own, as a virtual machine does.",
        "The finding says what is in the way: the module `tun`, the mode of /dev/net/tun, or "
        "user namespaces. Or use the provider `sandbox`, which needs none.",
    ),
    "vm-emulated": Cause(
        "Virtual machines are emulated",
        "This host boots no guest with KVM, so QEMU emulates their processors, which is slower.",
        "operator",
        "Nothing: everything works, only slower.",
        "A guest's kernel is booted with KVM, under a deadline.",
        "Serve from a host whose KVM works. In a virtual machine that needs nested "
        "virtualisation, and not every kind of it boots an ordinary guest.",
    ),
    "image-missing": Cause(
        "There is no golden image",
        "Virtual machines are made from an image, and none has been built here.",
        "operator",
        "Tell whoever runs the server.",
        "DATA/images holds none that is whole.",
        "`fanlight image build` makes it, in about ten minutes.",
    ),
    "data-unusable": Cause(
        "The data directory cannot be used",
        "There is no right to write to the data directory, or no room in it.",
        "operator",
        "Tell whoever runs the server.",
        "The doctor looks at the directory's owner, mode and free space.",
        "Free some space, or choose another directory with `--data`.",
    ),
    "separation-weak": Cause(
        "Machines are kept apart less well than they could be",
        "This host cannot limit machines' memory, or they share one uid.",
        "operator",
        "Nothing.",
        "The doctor looks for control groups that it may write to, and at its own uid.",
        "Run Fanlight as root, or in a unit with `Delegate=yes`.",
    ),
    "port-in-use": Cause(
        "The port is in use",
        "Another program, perhaps Fanlight itself, listens on the port for browsers.",
        "operator",
        "Nothing.",
        "The doctor tries to listen there.",
        "If it is not Fanlight, choose another port with `--port`.",
    ),
    "tools-none": Cause(
        "No tool is installed yet",
        "The first sign-in of a tool waits until it is installed.",
        "operator",
        "Nothing: a session says so while it waits.",
        "The catalogue holds no tool with an installed tree.",
        "`fanlight tools install NAME` installs one ahead.",
    ),
    "warm-none": Cause(
        "No machine is kept ready",
        "This host has too little free memory for machines that nobody uses yet.",
        "operator",
        "Nothing: a session starts in a second or two instead of half a second.",
        "The doctor looks at the host's available memory (MemAvailable).",
        "Free some memory, or set `warm_machines` to 0 if it is not to be spent so.",
    ),
    "udp-ports-taken": Cause(
        "UDP ports for viewers cannot be opened",
        "The media gateway cannot listen on the UDP ports that it was given.",
        "operator",
        "The picture takes a slower way. Tell whoever runs the server.",
        "The doctor opens UDP ports of the range, on each address that the gateway stands on.",
        "Widen `udp_ports`: two for each viewer and address are plenty. Whether a firewall "
        "lets them through can only be seen from outside: open the page's connection test there.",
    ),
    "address-not-here": Cause(
        "An announced address is not this host's",
        "The gateway announces an address that no interface of this host has.",
        "operator",
        "Tell whoever runs the server, if no picture comes.",
        "The doctor binds a socket to each address of `announce`.",
        "Right behind a NAT that forwards `udp_ports` to this host; wrong otherwise. For "
        "viewers on both sides of the NAT, announce the inner address as well.",
    ),
    "address-missing": Cause(
        "No address for viewers",
        "The gateway has no address but loopback, so only this computer can see the picture.",
        "operator",
        "Tell whoever runs the server.",
        "Neither `announce` nor the routing table gives an address beyond loopback.",
        "Give `announce` the address that viewers reach this host by.",
    ),
    "certificate-wrong": Cause(
        "The certificate is not right",
        "The server's certificate has run out, is not valid yet, is for another name, or does "
        "not belong to its key.",
        "operator",
        "Do not go on past your browser's warning. Tell whoever runs the server.",
        "The doctor loads certificate and key, reads the dates, and compares the names with "
        "the host name of `public_url`.",
        "Renew it, and restart `fanlight serve`: sessions go on meanwhile.",
    ),
    "clock-wrong": Cause(
        "The clock is wrong",
        "This host's clock differs from that of the server at `public_url`.",
        "operator",
        "Tell whoever runs the server.",
        "The doctor compares the `Date` of an answer with this host's clock.",
        "Switch time synchronisation on: TURN credentials and sign-in links run out by it.",
    ),
    "session-unknown": Cause(
        "There is no such session",
        "The data directory holds no session of that id.",
        "you",
        "Look at the id again.",
        "The store was asked for it.",
        "`fanlight sessions` lists those that are not over; `--data` names another directory.",
    ),
    "session-over": Cause(
        "The session is over",
        "The session has ended; its machine is gone.",
        "you",
        "Start a new session whenever you like.",
        "The store has its end and the reason for it.",
        "Nothing.",
    ),
    "keeper-unavailable": Cause(
        "The keeper is not available",
        "The process that holds machines and gateway does not answer.",
        "server",
        "Start a new session in a moment.",
        "The doctor asked keeper.sock what it holds.",
        "Restart `fanlight serve`; it starts a keeper when there is none. Its log is "
        "DATA/log/keeper.log.",
    ),
    "machine-gone": Cause(
        "The machine is gone",
        "The keeper holds no machine for this session.",
        "machine",
        "The session ends or gets a new machine by itself.",
        "The keeper's list of machines, and the machine's sockets.",
        "If the session stays like this, end it, and read DATA/log/keeper.log.",
    ),
    "encoder-slow": Cause(
        "The encoder is slow",
        "Encoding a picture takes the machine so long that the picture lags.",
        "server",
        "Nothing; fewer programs in the machine help.",
        "The machine measures each picture from reading the display to its first packet.",
        "The host lacks CPU time: run fewer sessions, or lower `bitrate_kbps`.",
    ),
    "packets-malformed": Cause(
        "The machine sends what is no picture",
        "Packets came to the session's media port that are malformed or from elsewhere.",
        "machine",
        "End the session if you did not expect that.",
        "The gateway counts and drops them.",
        "A program in the machine writes to the media port. Nothing of it reaches viewers.",
    ),
    "nobody-watches": Cause(
        "Nobody watches",
        "The session has no viewer at the moment.",
        "you",
        "Open the session's page.",
        "The gateway holds no connection for the session.",
        "If somebody tries to watch: their page names the cause that it sees.",
    ),
    "path-not-found": Cause(
        "A viewer has found no path yet",
        "A viewer's offer was answered, but no path between it and the gateway works yet.",
        "network",
        "The page names what it tried, and goes on.",
        "The connection's state is new, connecting or failed after the answer.",
        "The finding lists the gateway's candidates: one of them must be reachable for the "
        "viewer. Candidates of the viewer that were refused lie outside `viewer_networks`.",
    ),
}
"""Code -> what it means, for what only the doctor finds."""

ALL: dict[str, Cause] = CAUSES | HOST_CAUSES
"""Every cause there is."""
