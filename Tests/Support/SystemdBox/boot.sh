# Boots the systemd of this machine as PID 1 of private namespaces, over a throw-away overlay of the root file system.
#
# Runs inside a mount namespace of its own (unshare --mount --propagation private), so every mount vanishes with its
# last process and nothing is left on the machine but a cgroup, which is removed here. Standard input is the leash: at
# its end, which a dying test brings about as well as a finished one, the box is killed.
# Prints the PID of systemd, as it is seen from outside, when the kernel has started it.
#
# With the argument `limits` the box has the machine's controllers: those of version 2 it has anyway, those of version 1 are
# mounted as a machine with both hierarchies has them (cgroups(7)).
set -euo pipefail

here=/mnt
mount -t tmpfs -o mode=0755 tmpfs "$here"
mkdir -p "$here"/{upper,work,root,cgroup/unified}
# A cgroup of its own: boxes that run side by side would otherwise share the cgroups of units of the same name.
mount -t cgroup2 cgroup2 "$here/cgroup/unified"
hierarchies=()
if [ "${1:-}" = limits ] && ! grep -qw memory "$here/cgroup/unified/cgroup.controllers"; then
    # A new group of cpuset admits nobody before it was given processors, and systemd makes none.
    mapfile -t hierarchies < <(cut -d: -f2 /proc/self/cgroup | grep -v -e '^$' -e cpuset)
fi
for hierarchy in "${hierarchies[@]}"; do
    mkdir "$here/cgroup/$hierarchy"
    mount -t cgroup -o "${hierarchy/#name=/none,name=}" cgroup "$here/cgroup/$hierarchy"
done
cgroups=("$here"/cgroup/*/)
cgroups=("${cgroups[@]/%/systemd-box-$$}")
mkdir "${cgroups[@]}"
mount -t overlay -o "lowerdir=/,upperdir=$here/upper,workdir=$here/work" overlay "$here/root"

inside='
set -euo pipefail
cd /mnt/root
mount -t proc proc proc
mount -t sysfs sysfs sys
unified=sys/fs/cgroup
if [ $# -gt 0 ]; then
    mount -t tmpfs -o mode=0755 tmpfs sys/fs/cgroup
    unified=sys/fs/cgroup/unified
    mkdir "$unified"
fi
mount -t cgroup2 cgroup2 "$unified"
for hierarchy; do
    mkdir "sys/fs/cgroup/${hierarchy#name=}"
    mount -t cgroup -o "${hierarchy/#name=/none,name=}" cgroup "sys/fs/cgroup/${hierarchy#name=}"
done
mount -t tmpfs -o mode=0755 tmpfs run
# Not devtmpfs: it is one for the whole machine, and journald would take /dev/log away from it.
mount -t tmpfs -o mode=0755 tmpfs dev
for node in null zero full random urandom tty; do touch "dev/$node"; mount --bind "/dev/$node" "dev/$node"; done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin; ln -s fd/1 dev/stdout; ln -s fd/2 dev/stderr
mkdir -p .outside
pivot_root . .outside
umount -l /.outside
# What would change the machine outside (sysctl, modules, binfmt, audit), reach for the network, or empty /tmp.
mask() { ln -sf /dev/null "$1"; }
mkdir -p /etc/tmpfiles.d
for file in tmp x11 systemd-tmp; do mask "/etc/tmpfiles.d/$file.conf"; done
for unit in systemd-sysctl.service systemd-modules-load.service systemd-binfmt.service \
    proc-sys-fs-binfmt_misc.automount systemd-journald-audit.socket systemd-networkd.service timers.target; do
    mask "/etc/systemd/system/$unit"
done
rm -rf /var/log/journal
exec env -i container=systemd-box PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --unit=basic.target --log-target=journal --show-status=0'

(
    for cgroup in "${cgroups[@]}"; do echo "$BASHPID" >"$cgroup/cgroup.procs"; done
    exec unshare --pid --fork --kill-child --mount --ipc --uts --net --cgroup --propagation private \
        bash -c "$inside" systemd-box "${hierarchies[@]}"
) </dev/null &
unshare=$!

leader=
while [ -z "$leader" ] && kill -0 "$unshare"; do
    leader=$(tr -d ' ' <"/proc/$unshare/task/$unshare/children") || true
done
echo "$leader"

read -r _ || true
# Whoever read our output may be gone, and bash tells of the killed job: SIGPIPE would end this before the cgroup is removed.
exec >/dev/null 2>&1
kill -KILL "$unshare" || true
wait "$unshare" || true
# The processes of the PID namespace die with its first; a cgroup is busy until the last of them is reaped.
for _ in {1..200}; do
    find "${cgroups[@]}" -depth -type d -exec rmdir {} + 2>/dev/null && break
    sleep 0.01
done
