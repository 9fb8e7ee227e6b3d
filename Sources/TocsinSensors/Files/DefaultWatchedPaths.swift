extension WatchedPaths {
    /// What is watched unless the administrator says otherwise: the files that decide what runs at boot, at login and
    /// as root.
    package static let defaults: [(meaning: String, patterns: [String])] = [
        (
            "accounts",
            ["/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/etc/subuid", "/etc/subgid", "/etc/shells"]
        ),
        (
            "who may become root",
            ["/etc/sudoers", "/etc/sudoers.d/**", "/etc/sudo.conf", "/etc/doas.conf", "/etc/polkit-1/**"]
        ),
        (
            "authentication",
            ["/etc/pam.conf", "/etc/pam.d/**", "/etc/security/**", "/etc/nsswitch.conf", "/etc/login.defs"]
        ),
        ("libraries loaded into every program", ["/etc/ld.so.preload", "/etc/ld.so.conf", "/etc/ld.so.conf.d/**"]),
        ("remote login", ["/etc/ssh/**", "/root/.ssh/**", "/home/*/.ssh/**", "/etc/hosts.allow", "/etc/hosts.deny"]),
        (
            "timed jobs",
            [
                "/etc/crontab", "/etc/anacrontab", "/etc/cron.*/**", "/etc/cron.allow", "/etc/cron.deny",
                "/etc/at.allow", "/etc/at.deny", "/var/spool/cron/**", "/var/spool/at/**",
            ]
        ),
        (
            "shells of all users",
            [
                "/etc/profile", "/etc/profile.d/**", "/etc/bash.bashrc", "/etc/bashrc", "/etc/bash.bash_logout",
                "/etc/zsh/**", "/etc/zshenv", "/etc/zshrc", "/etc/fish/**", "/etc/environment", "/etc/environment.d/**",
                "/etc/skel/**", "/etc/csh.*",
            ]
        ),
        (
            "shells and sessions of one user",
            ["/root", "/home/*"].flatMap { home in
                [
                    ".bashrc", ".bash_profile", ".bash_login", ".bash_logout", ".profile", ".zshrc", ".zshenv",
                    ".zprofile", ".config/fish/**", ".config/environment.d/**", ".config/autostart/**",
                    ".config/systemd/user/**", ".local/share/systemd/user/**", ".xprofile", ".xsessionrc",
                ].map { "\(home)/\($0)" }
            }
        ),
        (
            "systemd units and generators",
            [
                "/etc/systemd/**", "/run/systemd/system/**", "/usr/lib/systemd/**", "/usr/local/lib/systemd/**",
                "/etc/xdg/autostart/**", "/etc/dbus-1/system.d/**",
            ]
        ),
        (
            "start scripts",
            ["/etc/rc.local", "/etc/rc?.d/**", "/etc/init.d/**", "/etc/inittab", "/etc/update-motd.d/**"]
        ),
        (
            "kernel: modules, parameters, boot, devices",
            [
                "/etc/modules", "/etc/modules-load.d/**", "/etc/modprobe.d/**", "/etc/sysctl.conf", "/etc/sysctl.d/**",
                "/etc/default/grub", "/boot/grub/grub.cfg", "/etc/initramfs-tools/**", "/etc/dracut.conf.d/**",
                "/etc/udev/rules.d/**",
            ]
        ),
        ("what packages come from and run", ["/etc/apt/**", "/etc/dpkg/**", "/etc/yum.repos.d/**", "/etc/dnf/**"]),
        (
            "network hooks and names",
            ["/etc/hosts", "/etc/NetworkManager/dispatcher.d/**", "/etc/network/**", "/etc/networkd-dispatcher/**"]
        ),
        ("traces of others", ["/etc/audit/**", "/etc/rsyslog.conf", "/etc/rsyslog.d/**", "/etc/logrotate.d/**"]),
        ("tocsin itself", ["/etc/tocsin/**", "/usr/bin/tocsin", "/usr/bin/tocsind", "/usr/lib/tocsin/**"]),
    ]
}
