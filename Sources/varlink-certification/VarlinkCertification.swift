import Glibc
import NIOCore
import NIOPosix
import Varlink

/// `varlink-certification [--client] --varlink=unix:PATH`: serves until standard input ends, or drives a service.
@main
struct VarlinkCertification {
    static func main() async throws {
        let arguments = CommandLine.arguments.dropFirst()
        let prefix = "--varlink=unix:"
        guard let address = arguments.first(where: { $0.hasPrefix(prefix) }),
            arguments.allSatisfy({ $0 == address || $0 == "--client" })
        else { throw CertificationClient.Failure(description: "usage: [--client] --varlink=unix:PATH") }
        let path = String(address.dropFirst(prefix.count))
        if arguments.contains("--client") {
            try await CertificationClient(connectingTo: path).run()
            print("Certification passed")
        } else {
            try serve(at: path)
        }
    }

    private static func serve(at path: String) throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let server = try loop.flatSubmit {
            loop.makeCompletedFuture {
                let server = try VarlinkServer(
                    on: loop,
                    information: ServiceInformation(
                        vendor: "tocsin", product: "varlink-certification", version: "1", url: "https://varlink.org"),
                    interfaces: [try CertificationService()])
                return (NIOLoopBound(server, eventLoop: loop), try server.listen(at: path))
            }.flatMap { (server: NIOLoopBound<VarlinkServer>, listening: EventLoopFuture<Void>) in
                listening.map { server }
            }
        }.wait()
        print("Listening")
        // Whoever waits for the line reads from a pipe.
        fflush(nil)
        while readLine() != nil {}
        try loop.flatSubmit { server.value.shutdown(within: .seconds(1)) }.wait()
        try group.syncShutdownGracefully()
    }
}
