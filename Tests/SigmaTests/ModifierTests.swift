import Testing

@testable import Sigma

@Suite struct ModifierTests {
    @Test("values are OR, with all AND, and neq negates the item whole")
    func lists() throws {
        #expect(try holds("F: [a, b]", ["F": "B"]))
        #expect(try holds("F|contains|all: [a, b]", ["F": "xbax"]))
        #expect(try !holds("F|contains|all: [a, b]", ["F": "xax"]))
        #expect(try !holds("F|neq: [a, b]", ["F": "b"]))
        #expect(try holds("F|neq: [a, b]", ["F": "c"]))
        #expect(try holds("F|neq: a", [:]))
        #expect(try holds("F|contains|all|neq: [a, b]", ["F": "a"]))
    }

    @Test("a number equals the number and its decimal text, nothing that merely looks alike")
    func numbers() throws {
        #expect(try holds("F: 443", ["F": 443]))
        #expect(try holds("F: 443", ["F": "443"]))
        #expect(try holds("F: 443", ["F": 443.0]))
        #expect(try !holds("F: 443", ["F": "0443"]))
        #expect(try !holds("F: 443", ["F": 4430]))
        #expect(try holds("F: '443'", ["F": 443]))
        #expect(try holds("F|startswith: 44", ["F": 443]))
        #expect(try holds("F: 1.5", ["F": 1.5]))
        #expect(try holds("F: 0755", ["F": "0755"]))
        #expect(try holds("F: 99999999999999999999", ["F": "99999999999999999999"]))
        #expect(try !holds("F: 99999999999999999999", ["F": "100000000000000000000"]))
    }

    @Test("comparisons are numeric, and what is no number fulfils none")
    func comparisons() throws {
        #expect(try holds("F|gt: 9", ["F": 10]))
        #expect(try holds("F|gt: 9", ["F": "10"]))
        #expect(try !holds("F|gt: 9", ["F": 9]))
        #expect(try holds("F|gte: 9", ["F": 9]))
        #expect(try holds("F|lt: -1", ["F": -2]))
        #expect(try holds("F|lte: 1.5", ["F": 1.5]))
        #expect(try !holds("F|lt: 5", ["F": "x"]))
        #expect(try !holds("F|lt: 5", ["F": nil]))
        #expect(try !holds("F|lt: 5", [:]))
    }

    @Test("null is missing or null, the empty string is present and empty")
    func nothing() throws {
        for fields in [[:], ["F": nil]] as [Fields] {
            #expect(try holds("F: null", fields))
            #expect(try holds("F: []", fields))
            #expect(try !holds("F: ''", fields))
            #expect(try !holds("F: '*'", fields))
        }
        #expect(try holds("F: ''", ["F": ""]))
        #expect(try !holds("F: null", ["F": ""]))
        #expect(try holds("F|neq: null", ["F": "x"]))
    }

    @Test("exists looks at presence only")
    func exists() throws {
        #expect(try holds("F|exists: true", ["F": nil]))
        #expect(try holds("F|exists: true", ["F": ""]))
        #expect(try !holds("F|exists: true", ["G": "x"]))
        #expect(try holds("F|exists: false", ["G": "x"]))
    }

    @Test("booleans are their text")
    func booleans() throws {
        #expect(try holds("F: true", ["F": "True"]))
        #expect(try holds("F: 'true'", ["F": true]))
        #expect(try !holds("F: true", ["F": false]))
        #expect(try !holds("F: true", ["F": 1]))
    }

    @Test(
        "cidr takes both families, and neither holds the other",
        arguments: [
            ("10.0.0.0/8", "10.255.1.2", true), ("10.0.0.0/8", "11.0.0.1", false),
            ("192.168.4.0/22", "192.168.7.9", true),
            ("192.168.4.0/22", "192.168.8.0", false), ("127.0.0.1", "127.0.0.1", true), ("fe80::/10", "FE80::1", true),
            ("fe80::/10", "fec0::1", false), ("::/0", "10.0.0.1", false), ("::ffff:0:0/96", "::ffff:10.0.0.1", true),
            ("10.0.0.0/8", "10.0.0", false), ("10.0.0.0/8", "010.0.0.1", false), ("10.0.0.0/8", "", false),
            ("2001:db8::/32", "2001:db8:1:2:3:4:5:6", true), ("2001:db8::/32", "2001:db8::1::2", false),
            ("0.0.0.0/0", "1.2.3.4", true),
        ])
    func cidr(network: String, address: String, expected: Bool) throws {
        #expect(try holds("F|cidr: '\(network)'", ["F": .text(address)]) == expected)
    }

    @Test("base64 and its offsets find what was encoded, wherever it stands")
    func base64() throws {
        #expect(try holds("F|base64|contains: foobar", ["F": "-Zm9vYmFy-"]))
        // “curl” behind zero, one and two other characters.
        for text in ["Y3VybCA=", "eGN1cmwg", "eHhjdXJsIA=="] {
            #expect(try holds("F|base64offset|contains: curl", ["F": .text(text)]), "\(text)")
        }
        #expect(try !holds("F|base64offset|contains: curl", ["F": "d2dldA=="]))
        #expect(try holds("F|wide|base64offset|contains: ab", ["F": "YQBiAA=="]))
        #expect(try holds("F|utf16|base64: a", ["F": "//5hAA=="]))
        #expect(try holds("F|utf16be|base64: a", ["F": "AGE="]))
        #expect(try holds("F|utf16le: a", ["F": "a\0"]))
        #expect(try holds("F|wide|base64|cased: é", ["F": "6QA="]))
    }

    @Test("windash stands for each dash that starts an option, and for no other")
    func windash() throws {
        for dash in ["-", "/", "\u{2013}", "\u{2014}", "\u{2015}"] {
            #expect(try holds("F|windash|contains: ' -a-b'", ["F": .text("x \(dash)a-b")]))
        }
        #expect(try !holds("F|windash|contains: ' -a-b'", ["F": "x -a/b"]))
        #expect(try holds("F|contains|windash|all: [-a, /b]", ["F": "/a -b"]))
    }

    @Test("fieldref compares two fields of the event")
    func fieldref() throws {
        #expect(try holds("F|fieldref: G", ["F": "x", "G": "X"]))
        #expect(try !holds("F|fieldref: G", ["F": "x"]))
        #expect(try !holds("F|fieldref: G", ["G": "x"]))
        #expect(try holds("F|fieldref|startswith: G", ["F": "/bin/sh", "G": "/BIN"]))
        #expect(try holds("F|fieldref|endswith: G", ["F": "/bin/sh", "G": "sh"]))
        #expect(try holds("F|fieldref|contains: G", ["F": "ababac", "G": "abac"]))
        #expect(try !holds("F|fieldref|contains: G", ["F": "ababab", "G": "abac"]))
        #expect(try holds("F|fieldref|neq: G", ["F": "x", "G": "y"]))
        #expect(try holds("F|fieldref: G", ["F": 5, "G": "5"]))
    }

    @Test(
        "time modifiers read a part of an ISO 8601 date",
        arguments: [
            ("minute: 7", true), ("hour: 23", true), ("day: 29", true), ("week: 1", true), ("month: 12", true),
            ("year: 2025", true), ("hour|gte: 22", true), ("hour|lt: 22", false),
        ])
    func dates(item: String, expected: Bool) throws {
        // The Monday of the first week of 2026.
        #expect(try holds("F|\(item)", ["F": "2025-12-29T23:07:00Z"]) == expected)
        #expect(try !holds("F|\(item)", ["F": "yesterday"]))
    }

    @Test("weeks are those of ISO 8601")
    func weeks() throws {
        for (date, week) in [("2020-12-31", 53), ("2021-01-03", 53), ("2021-01-04", 1), ("2024-02-29", 9)] {
            #expect(try holds("F|week: \(week)", ["F": .text(date)]), "\(date)")
        }
    }

    @Test("keywords look into every value")
    func keywords() throws {
        let anywhere = "kw: [evil, 'b?d', 77]\ncondition: kw"
        #expect(try matches(anywhere, ["X": "so EVIL"]))
        #expect(try matches(anywhere, ["X": "fine", "Y": "bad"]))
        #expect(try matches(anywhere, ["X": 1775]))
        #expect(try !matches(anywhere, ["X": "good", "Y": nil]))
        let all = "kw:\n  '|all': [one, two]\ncondition: kw"
        #expect(try matches(all, ["X": "one", "Y": "two"]))
        #expect(try !matches(all, ["X": "one"]))
        #expect(try matches("kw:\n  '|re': 'o[nm]e$'\ncondition: kw", ["Z": "some ome"]))
    }
}
