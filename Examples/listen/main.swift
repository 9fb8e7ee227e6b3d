import TocsinClient

let client = TocsinClient(socketPath: CommandLine.arguments.dropFirst().first ?? TocsinClient.defaultSocketPath)
for try await event in client.events() {
    print(event.type.rawValue, event.process?.executable?.string ?? "")
    if event.type == .heartbeat { break }
}
