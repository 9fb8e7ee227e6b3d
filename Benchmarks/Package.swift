// swift-tools-version: 6.2
import PackageDescription

// In-process benchmarks. The modules under test are built from the sources of the package above, through the link
// `Tocsin`, not taken as a dependency: what they offer to each other (`package`) is what is measured here.
let tocsin = "Tocsin"

let package = Package(
    name: "benchmarks",
    dependencies: [
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        // Without traits: its interposers count by replacing malloc and the runtime's functions, and so slow down what
        // they measure. Micro/CAllocations counts with less.
        .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []),
    ],
    targets: [
        .executableTarget(
            name: "Micro",
            dependencies: [
                "CAllocations", "JSON", "Sigma", "TocsinDelivery", "TocsinEvents",
                .product(name: "Benchmark", package: "benchmark"),
            ],
            path: "Benchmarks/Micro", plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]),
        .target(name: "CAllocations", path: "CAllocations"),

        .target(name: "JSON", path: "\(tocsin)/JSON"),
        .target(
            name: "TocsinEvents", dependencies: ["JSON"], path: "\(tocsin)/TocsinEvents",
            resources: [.embedInCode("io.tocsin.Events.varlink")]),
        .target(
            name: "TocsinDelivery",
            dependencies: ["JSON", "TocsinEvents", .product(name: "DequeModule", package: "swift-collections")],
            path: "\(tocsin)/TocsinDelivery"),
        .systemLibrary(name: "CYAML", path: "\(tocsin)/CYAML", pkgConfig: "yaml-0.1"),
        .target(name: "YAML", dependencies: ["CYAML"], path: "\(tocsin)/YAML"),
        .target(name: "CRE2", path: "\(tocsin)/CRE2", linkerSettings: [.linkedLibrary("re2")]),
        .target(name: "Sigma", dependencies: ["CRE2", "YAML"], path: "\(tocsin)/Sigma"),
    ],
    swiftLanguageModes: [.v6],
    cxxLanguageStandard: .cxx17
)
