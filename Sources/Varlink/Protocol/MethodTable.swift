import Glibc

/// The methods that a server offers, to be found by the bytes of a call: a call makes no string of a name that is
/// known.
struct MethodTable: Sendable {
    private struct Name {
        let bytes: [UInt8]
        let index: Int
    }

    private let options: [MethodOptions]
    /// By length, then by bytes: searched by halves.
    private let sorted: [Name]

    /// - Parameter methods: fully qualified, each once; their order gives the indexes.
    init(_ methods: [(name: String, options: MethodOptions)]) {
        options = methods.map(\.options)
        sorted = methods.enumerated().map { Name(bytes: Array($1.name.utf8), index: $0) }.sorted { left, right in
            left.bytes.count == right.bytes.count
                ? left.bytes.lexicographicallyPrecedes(right.bytes) : left.bytes.count < right.bytes.count
        }
    }

    func index(of name: UnsafeBufferPointer<UInt8>) -> Int? {
        var low = 0
        var high = sorted.count
        while low < high {
            let middle = (low + high) / 2
            let order = Self.order(sorted[middle].bytes, name)
            if order == 0 { return sorted[middle].index }
            if order < 0 { low = middle + 1 } else { high = middle }
        }
        return nil
    }

    /// Below 0 where `known` comes first.
    private static func order(_ known: [UInt8], _ name: UnsafeBufferPointer<UInt8>) -> Int {
        guard known.count == name.count, let start = name.baseAddress else { return known.count - name.count }
        return known.withUnsafeBytes { Int(memcmp($0.baseAddress!, start, name.count)) }
    }

    func options(of callee: Callee) -> MethodOptions {
        if case .method(let index) = callee { options[index] } else { [] }
    }
}

/// Whom a call is for.
enum Callee: Hashable, Sendable {
    /// The method of this index in the `MethodTable`.
    case method(Int)
    /// Nobody whom the server knows, by this name.
    case unknown(String)
}
