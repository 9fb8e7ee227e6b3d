// swift-tools-version: 6.2
import Glibc
import PackageDescription

// Warnings are errors in CI only: a newer compiler's new warning must not keep a user from building.
let swiftSettings: [SwiftSetting] = Context.environment["CI"] == nil ? [] : [.treatAllWarnings(as: .error)]

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
]

/// libbpf goes into the binary where there is an archive of it, as on Debian: the daemon then runs on machines that
/// have no libbpf, or another version.
let libbpf: [LinkerSetting] =
    ["x86_64", "aarch64"].contains { access("/usr/lib/\($0)-linux-gnu/libbpf.a", R_OK) == 0 }
    ? [.linkedLibrary(":libbpf.a"), .linkedLibrary(":libelf.a"), .linkedLibrary(":libz.a")] : [.linkedLibrary("bpf")]

/// A library and the tests of the same name.
func library(
    _ name: String, _ dependencies: [Target.Dependency] = [], resources: [Resource] = [], links: [LinkerSetting] = [],
    plugins: [Target.PluginUsage] = [], tests: [Target.Dependency] = [], fixtures: [Resource] = []
) -> [Target] {
    [
        .target(
            name: name, dependencies: dependencies, resources: resources, swiftSettings: swiftSettings,
            linkerSettings: links, plugins: plugins),
        .testTarget(
            name: "\(name)Tests", dependencies: [.target(name: name)] + dependencies + tests, resources: fixtures,
            swiftSettings: swiftSettings),
    ]
}

func executable(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: dependencies, swiftSettings: swiftSettings)
}

let package = Package(
    name: "tocsin",
    products: [
        .executable(name: "tocsind", targets: ["tocsind"]),
        .executable(name: "tocsin", targets: ["tocsin"]),
        .library(name: "Sigma", targets: ["Sigma"]),
        .library(name: "TocsinClient", targets: ["TocsinClient"]),
        .library(name: "Varlink", targets: ["Varlink"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    ],
    targets: [
        // What knows nothing of tocsin: the JSON that Varlink speaks, Varlink, and the YAML of rules and configuration.
        library("JSON"),
        library(
            "Varlink", ["JSON"] + nio, resources: [.embedInCode("org.varlink.service.varlink")],
            tests: ["TestKit", "TestSupport", "varlink-certification"]),
        [.systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])])],
        library("YAML", ["CYAML"]),

        // Sigma: rules, the compiled engine, correlations; and what `tocsin rules` does. They know nothing of tocsin
        // either.
        [.target(name: "CRE2", linkerSettings: [.linkedLibrary("re2")])],
        library("Sigma", ["CRE2", "YAML"], tests: ["TestKit"]),
        library("SigmaTools", ["JSON", "Sigma"], tests: ["TestKit"]),

        // What every part speaks about: events, processes, files, gaps, cursors, filters.
        library(
            "TocsinEvents", ["JSON"], resources: [.embedInCode("io.tocsin.Events.varlink")], tests: ["TestKit"]),

        // Linux, owned: the one home of unsafe code, and the C that Swift cannot import.
        [.target(name: "CTocsinLinux")],
        library("TocsinLinux", ["CTocsinLinux"]),

        // Events judged by Sigma rules: fields as Sysmon has them, detections, what of them is a repeat. Pure.
        library("TocsinRules", ["Sigma", "TocsinEvents"]),

        // Why a source does not work here, and which queue loses events: for the daemon's errors and `tocsin doctor`.
        library("TocsinDoctor", ["TocsinLinux"]),

        // The sources: kernel records become values. One seam, a file or folder for each source.
        library(
            "TocsinSensors", ["CLibBPF", "CTocsinProbes", "TocsinDoctor", "TocsinEvents", "TocsinLinux"], links: libbpf,
            plugins: ["CompileBPF"], tests: ["TestKit", "TestSupport", "execute"]),

        // The eBPF probes: what kernel and user space share. The plugin compiles bpf/ into TocsinSensors, which loads
        // it with libbpf.
        [
            .plugin(name: "CompileBPF", capability: .buildTool()),
            .target(name: "CTocsinProbes", exclude: ["bpf"]),
            .systemLibrary(name: "CLibBPF", providers: [.apt(["libbpf-dev", "libelf-dev", "zlib1g-dev"])]),
        ],

        // The heart: event log, sessions, pending reads, groups, loss accounting. Pure: no clock, no I/O.
        library("TocsinDelivery", ["JSON", "TocsinEvents", deque], tests: ["TestKit"]),

        // The journal and the service manager, by libsystemd.
        [.systemLibrary(name: "CSystemd", pkgConfig: "libsystemd", providers: [.apt(["libsystemd-dev"])])],
        library(
            "TocsinSystemd", ["CSystemd", "TocsinEvents", "TocsinLinux", logging],
            tests: ["SystemdBox", "systemd-probe"]),

        // The daemon: sources, log, delivery and Varlink put together on one event loop.
        library(
            "TocsinDaemon",
            [
                "JSON", "Sigma", "YAML", "TocsinDelivery", "TocsinEvents", "TocsinLinux", "TocsinRules",
                "TocsinSensors", "TocsinSystemd", "Varlink", logging,
            ] + nio,
            tests: ["SystemdBox", "TestKit", "TestSupport", "TocsinClient", "listen", "tocsin", "tocsind"]),
        [executable("tocsind", ["TocsinDaemon", argumentParser])],

        // The other end: the public client library, and the command line over it.
        library("TocsinClient", ["JSON", "TocsinEvents", "Varlink"], tests: ["TestKit", "TestSupport"]),
        library(
            "TocsinCommand",
            [
                "JSON", "Sigma", "SigmaTools", "TocsinClient", "TocsinDoctor", "TocsinEvents", "TocsinLinux",
                "TocsinRules", argumentParser,
            ],
            tests: ["CTestSystem", "TestKit", "TestSupport", "tocsin"] + nio),
        [executable("tocsin", ["TocsinCommand"])],

        // For tests only: other implementations' certification suites run against the first, and it against theirs;
        // programs that run, or run others in odd ways, and a Varlink server whose every answer the test gives; clients
        // that no daemon should have; a booted systemd, and a service in it.
        [
            .executableTarget(
                name: "varlink-certification", dependencies: ["JSON", "Varlink"] + nio,
                resources: [.embedInCode("org.varlink.certification.varlink")], swiftSettings: swiftSettings),
            .target(
                name: "TestSupport",
                dependencies: ["JSON", "SystemdBox", "TestKit", "TocsinClient", "TocsinEvents", "Varlink"] + nio,
                path: "Tests/Support/TestSupport", swiftSettings: swiftSettings),
            .target(
                name: "SystemdBox", dependencies: ["TestKit"], path: "Tests/Support/SystemdBox",
                resources: [.embedInCode("boot.sh")], swiftSettings: swiftSettings),
            .target(
                name: "TestKit", dependencies: ["CTestSystem"], path: "Tests/Support/TestKit",
                swiftSettings: swiftSettings),
            .executableTarget(
                name: "systemd-probe", dependencies: ["TocsinSystemd", "TocsinEvents", "TocsinLinux", logging],
                path: "Tests/Support/systemd-probe", swiftSettings: swiftSettings),
            .executableTarget(
                name: "listen", dependencies: ["TocsinClient"], path: "Examples/listen", swiftSettings: swiftSettings),
            .executableTarget(name: "execute", path: "Tests/Support/execute"),
            .executableTarget(name: "load", path: "Tests/Support/load"),
            .target(name: "CTestSystem", path: "Tests/Support/CTestSystem"),
            .testTarget(
                name: "TocsinSystemTests",
                dependencies: ["SystemdBox", "TocsinClient", "TocsinEvents", "tocsind"] + nio,
                swiftSettings: swiftSettings),
            // The daemon under load and faults: the same scenarios small here, and in full by `make soak`.
            .testTarget(
                name: "TocsinSoakTests",
                dependencies: [
                    "JSON", "Sigma", "SystemdBox", "TestKit", "TestSupport", "TocsinClient", "TocsinDaemon",
                    "TocsinEvents", "TocsinRules", "TocsinSystemd", "Varlink", "execute", "load", "tocsind",
                ] + nio,
                exclude: ["Seeds"], swiftSettings: swiftSettings),
        ],
    ].flatMap { $0 },
    swiftLanguageModes: [.v6],
    cxxLanguageStandard: .cxx17
)
