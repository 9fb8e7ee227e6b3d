/// Where everything lies in the log's memory. A change of any of it is a new `version`.
///
/// The first page is the header; then comes what is kept of groups (`GroupLayout`) and of passages (`PassageLayout`);
/// the rest is a ring of records.
/// Positions in the ring count bytes for ever; modulo the capacity they are offsets. Records begin at multiples of 8
/// and never cross the end of the ring: where one does not fit, a skip mark sends the reader to the beginning. Integers
/// are in the byte order of the machine.
///
/// Commit order, so that a process killed between any two stores leaves a readable log:
///
/// 1. a passage that is new is written into a slot that no logged event has;
/// 2. `head` moves past the records that the new one will overwrite;
/// 3. the skip mark, if any, and the record are written where no reader looks yet;
/// 4. `tail` moves behind the record: from here it is logged;
/// 5. `nextSequence` and the source's position follow. A log whose records were all evicted still knows its numbers:
///    5 of one append is always done before 2 of the next.
enum EventLogLayout {
    static let version: UInt32 = 4
    static let headerBytes = 4096
    static let groupsOffset = headerBytes
    /// "TOCSINLG"
    static let magic: UInt64 = 0x544F_4353_494E_4C47

    // Header.
    static let magicOffset = 0
    static let versionOffset = 8
    static let instanceOffset = 16
    /// Where the ring begins.
    static let ringOffset = 24
    static let capacityOffset = 32
    static let headOffset = 40
    static let tailOffset = 48
    static let nextSequenceOffset = 56
    /// One word for each source: see `EventOrigin`.
    static let sourcePositionsOffset = 64
    static let sources = 8
    /// The text of the boot id; zeros where the log was begun without one.
    static let bootOffset = 128
    static let bootBytes = 36
    /// How many processes have written the log.
    static let runOffset = 168

    // Record.
    static let recordHeaderBytes = 80
    static let recordMark: UInt32 = 0x4556_4E54
    static let skipMark: UInt32 = 0x534B_4950
    static let markOffset = 0
    /// Header, texts and padding.
    static let lengthOffset = 4
    static let sequenceOffset = 8
    static let checksumOffset = 16
    /// A bit for each group that is owed the event. Changes in the life of the record.
    static let groupsOwedOffset = 24
    /// What the checksum covers begins here; the sequence, the length and the passage's checksum are mixed in.
    static let realtimeOffset = 32
    static let monotonicOffset = 40
    static let sourcePositionOffset = 48
    /// `unknownUID` where there is none; (uid_t) -1 is no user.
    static let uidOffset = 56
    /// Of its own text.
    static let jsonLengthOffset = 60
    static let pathLengthOffset = 64
    static let oldPathLengthOffset = 66
    static let typeOffset = 68
    static let severityOffset = 69
    /// Number of the source plus one; 0: none.
    static let sourceOffset = 70
    /// Number of the passage's slot plus one; 0: none.
    static let passageSlotOffset = 72
    /// Where in the text it belongs.
    static let passageOffset = 76

    static let unknownUID = UInt32.max

    /// What memory of so many bytes is divided into: slots of passages, and where the ring begins.
    static func parts(of bytes: Int) -> (passages: Int, ring: Int, capacity: Int) {
        let passages = PassageLayout.count(in: bytes)
        let ring = PassageLayout.begin(passages)
        return (passages, ring, (bytes - ring) & ~7)
    }

    static func recordBytes(path: Int, oldPath: Int, json: Int) -> Int {
        (recordHeaderBytes + path + oldPath + json + 7) & ~7
    }

    /// Detects torn and overwritten records; no defence against a forger, who could write the checksum as well.
    ///
    /// It runs over every byte of every event: in four lanes of eight bytes, because each step of one waits for the
    /// multiplication of the step before; and without a check of what the loops' conditions say.
    ///
    /// - Parameter passage: the checksum that its slot has.
    static func checksum(
        _ memory: borrowing EventLogMemory, record: Int, length: Int, sequence: UInt64, passage: UInt64
    ) -> UInt64 {
        let seed = (sequence ^ UInt64(length) << 32 ^ passage) &* 0x9E37_79B9_7F4A_7C15
        return memory.withWords(at: record + realtimeOffset, count: (length - realtimeOffset) / 8) { words in
            var (first, second, third, fourth) = (seed, seed &+ 1, seed &+ 2, seed &+ 3)
            var index = 0
            while index &+ 4 <= words.count {
                first = mix(first, words[unchecked: index])
                second = mix(second, words[unchecked: index &+ 1])
                third = mix(third, words[unchecked: index &+ 2])
                fourth = mix(fourth, words[unchecked: index &+ 3])
                index &+= 4
            }
            while index < words.count {
                first = mix(first, words[unchecked: index])
                index &+= 1
            }
            return mix(mix(mix(first, second), third), fourth)
        }
    }

    /// One step of a checksum.
    static func mix(_ hash: UInt64, _ word: UInt64) -> UInt64 {
        let product = (hash ^ word) &* 0x9FB2_1C65_1E98_DF25
        return product ^ product >> 32
    }
}

/// Where an event came from, for the source to know after a restart what is logged already.
package struct EventOrigin: Hashable, Sendable {
    /// Number of the source, 0..<8, as the daemon gives them out.
    package var source: Int
    /// The source's own, rising number of the record, as the kernel side counted it.
    package var position: UInt64

    package init(source: Int, position: UInt64) {
        precondition((0..<EventLogLayout.sources).contains(source))
        self.source = source
        self.position = position
    }
}
