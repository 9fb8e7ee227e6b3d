/// Makes an encoded event small enough for a reader who said that less is acceptable.
///
/// What is least missed goes first: context that other events also tell, then text, detections and paths last. Number,
/// cursor, times, type and the process's identity are never touched. The result names in `truncated` what was
/// shortened or left out and in `fullBytes` the size of the whole.
enum EventShortening {
    /// - Parameter text: an object as `JSONWriter.event` writes it.
    /// - Returns: at most `maxBytes` bytes of JSON; nil where even the least is larger.
    static func shorten(_ text: [UInt8], toFit maxBytes: Int) -> [UInt8]? {
        guard text.count > maxBytes else { return text }
        guard var event = JSONPiece(text), case .object = event else { return nil }
        // An event that was shortened on its way into the log keeps saying so.
        let fullBytes = event.removeMember(["fullBytes"])?.encoded ?? Array("\(text.count)".utf8)
        var names: [[UInt8]] = []
        if case .array(let before)? = event.removeMember(["truncated"]) { names = before.map(\.encoded) }

        for member in order {
            let excess = event.byteCount + noticeBytes(names, fullBytes) - maxBytes
            if excess <= 0, !names.isEmpty { break }
            guard let piece = event.removeMember(member.path) else { continue }
            let name = Array("\"\(member.path.joined(separator: "."))\"".utf8)
            if !names.contains(name) { names.append(name) }
            guard member.mayBeCut else { continue }
            // What is left of the bound now that the member is out is what a part of it may take.
            let room = maxBytes - event.byteCount - noticeBytes(names, fullBytes)
            guard let part = piece.prefix(room - member.nameBytes) else { continue }
            event.appendMember(member.path, part)
        }

        guard !names.isEmpty, event.byteCount + noticeBytes(names, fullBytes) <= maxBytes else { return nil }
        event.appendMember(["truncated"], .array(names.map { .other($0) }))
        event.appendMember(["fullBytes"], .other(fullBytes))
        return event.encoded
    }

    /// Bytes of `,"truncated":[…],"fullBytes":N`.
    private static func noticeBytes(_ names: [[UInt8]], _ fullBytes: [UInt8]) -> Int {
        #","truncated":[],"fullBytes":"#.utf8.count + fullBytes.count + names.reduce(0) { $0 + $1.count + 1 }
    }

    private struct Member {
        let path: [String]
        /// Half a base64 text is none.
        let mayBeCut: Bool

        init(_ path: String..., mayBeCut: Bool = true) {
            self.path = path
            self.mayBeCut = mayBeCut
        }

        /// Bytes of `,"name":`.
        var nameBytes: Int { (path.last?.utf8.count ?? 0) + 4 }
    }

    private static let order = [
        Member("ancestors"),
        Member("process", "argumentsBase64", mayBeCut: false), Member("process", "arguments"),
        Member("process", "workingDirectoryBase64", mayBeCut: false), Member("process", "workingDirectory"),
        Member("process", "cgroup"),
        Member("process", "filenameBase64", mayBeCut: false), Member("process", "filename"),
        Member("process", "container"), Member("process", "unit"),
        Member("detections"),
        Member("process", "executableBase64", mayBeCut: false), Member("process", "executable"),
        Member("file", "oldPathBase64", mayBeCut: false), Member("file", "oldPath"),
        Member("file", "pathBase64", mayBeCut: false), Member("file", "path"),
    ]
}
