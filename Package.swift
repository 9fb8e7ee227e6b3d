// swift-tools-version: 6.2
import PackageDescription

// Warnings are errors in CI only: a newer compiler's new warning must not keep a user from building.
let swiftSettings: [SwiftSetting] = Context.environment["CI"] == nil ? [] : [.treatAllWarnings(as: .error)]

let package = Package(
    name: "tocsin",
    products: [],
    dependencies: [],
    targets: [
        // The JSON that Varlink speaks: a writer for the hot path, a strict and bounded parser.
        .target(name: "JSON", swiftSettings: swiftSettings),
        .testTarget(name: "JSONTests", dependencies: ["JSON"], swiftSettings: swiftSettings),

        // What every part speaks about: events, processes, files, gaps, cursors, filters.
        .target(
            name: "TocsinEvents", dependencies: ["JSON"], resources: [.embedInCode("io.tocsin.Events.varlink")],
            swiftSettings: swiftSettings),
        .testTarget(name: "TocsinEventsTests", dependencies: ["TocsinEvents", "JSON"], swiftSettings: swiftSettings),

        // The sources: kernel records become values. One seam, a file or folder for each source.
        .target(name: "TocsinSensors", dependencies: ["TocsinEvents"], swiftSettings: swiftSettings),
    ],
    swiftLanguageModes: [.v6]
)
