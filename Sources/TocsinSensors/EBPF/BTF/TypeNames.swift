import Glibc

/// Names of types as libbpf compares them: what follows a `___` in a name, its flavour, is no part of it.
package struct TypeNames {
    /// By their first byte: there are some ten names to find among a hundred thousand.
    private var byInitial = [[[UInt8]]](repeating: [], count: 256)

    package init(_ names: some Sequence<String> = []) {
        for name in names { Array(name.utf8).withUnsafeBytes { insert($0) } }
    }

    /// An empty name is none.
    mutating func insert(_ name: UnsafeRawBufferPointer) {
        guard let initial = name.first, !contains(name) else { return }
        byInitial[Int(initial)].append(Array(name.prefix(Self.essentialCount(name))))
    }

    func contains(_ name: UnsafeRawBufferPointer) -> Bool {
        guard let initial = name.first, let start = name.baseAddress else { return false }
        return byInitial[Int(initial)].contains {
            $0.count <= name.count && memcmp($0, start, $0.count) == 0 && Self.essentialCount(name) == $0.count
        }
    }

    /// The last three of `_` that have something else on both sides begin the flavour (libbpf's
    /// `bpf_core_essential_name_len`).
    private static func essentialCount(_ name: UnsafeRawBufferPointer) -> Int {
        let line = UInt8(ascii: "_")
        for index in stride(from: name.count - 5, through: 0, by: -1)
        where name[index] != line && name[index + 4] != line
            && name[(index + 1)...(index + 3)].allSatisfy({ $0 == line })
        {
            return index + 1
        }
        return name.count
    }
}
