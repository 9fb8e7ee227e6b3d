/// What kind of entry this is: `journalctl MESSAGE_ID=…` finds all of a kind, and `journalctl -x` explains it from the
/// catalog. A new kind gets an identifier by `systemd-id128 new` and an entry in `systemd/tocsin.catalog`.
package enum MessageID: String, Sendable, Hashable, CaseIterable {
    // MARK: Events
    case processStarted = "cb076cfe516347839cd957390e7fd244"
    case processForked = "9e8ae45df513418abc75b0206d82e07d"
    case processEnded = "1fe32347768c449dbcb8837dbb3f75f2"
    case fileChanged = "b7e6226ed5b44fa3874fe58490acd8a7"
    case detection = "f48517fe32664ecf8af5210aa4a3e03c"
    case gap = "cab66062e38b412c83ee7a8cd0a99a30"
    case heartbeat = "7d933b8582fb4b8bb067b91861118cd7"

    // MARK: The daemon
    case ready = "5485c3ec713d4d93b202a2ee4e1d5277"
    case stopping = "83cb30251c51407fab75d87c40916eac"
    case configurationReloaded = "75afc929490044d6a27ea282e4330ab7"
    case configurationRefused = "455edc1489034405935ba8c6595e438b"
    case sourceSelected = "8f994c8d130d49f1b057ff8863f40768"
    case sourceFailed = "fc65ca5f880f43998486ac6e60ee9cb6"
    case sourceRecovered = "c1bb162120204a6ba82ab60f56c053e3"
    case journalLost = "d61502e6e6da48059444a95f8fa66f23"
    case clientRefused = "dbe5e17ee76642279ef45fad2f3aa330"
    case detectionsRepeated = "ef394973593d4943b8366c2bca57b73d"
    case rulesLoaded = "c7d79f6c49ed45e6ae9b3b8d3e72c540"
    case ruleRefused = "cd7a4692b1064b3ca702b714497c8dba"
    case watchdogWithheld = "b0003b6ad19c4087b08be38cb01af280"
    case resumed = "8750daaf85fa46da8a5b17d258242172"
    case resumeRefused = "4665aae55bd54b6da687c5a994f7abd3"
}
