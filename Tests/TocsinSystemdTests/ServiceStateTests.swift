import Glibc
import Testing

@testable import TocsinSystemd

@Suite struct ServiceStateTests {
    @Test("a status stays one assignment whatever it holds")
    func status() {
        #expect(ServiceState.status("a\nMAINPID=1").text == #"STATUS=a\nMAINPID=1"#)
        #expect(ServiceState.ready(status: "b").text == "READY=1\nSTATUS=b")
        #expect(ServiceState.reloading(monotonicUSec: 5).text == "RELOADING=1\nMONOTONIC_USEC=5")
    }

    @Test("names of descriptors are what systemd accepts, and no more")
    func names() {
        #expect(DescriptorName("tocsin-ring.1") != nil)
        #expect(DescriptorName("a:b") == nil)
        #expect(DescriptorName("") == nil)
        #expect(DescriptorName("a\nFDSTOREREMOVE=1") == nil)
        #expect(DescriptorName(String(repeating: "a", count: 256)) == nil)
    }

    @Test("descriptors that nobody takes are closed, those taken are not")
    func ownership() throws {
        let descriptors = (0..<2).map { _ in open("/dev/null", O_RDONLY) }
        try #require(descriptors.allSatisfy { $0 >= 0 })
        do {
            var inherited = InheritedDescriptors([("keep", descriptors[0]), ("stale", descriptors[1])])
            #expect(inherited.takeSockets(named: "keep").isEmpty, "a file is no socket")
            #expect(inherited.take { $0 == "keep" }.map(\.descriptor) == [descriptors[0]])
            #expect(inherited.names == ["stale"])
        }
        #expect(fcntl(descriptors[0], F_GETFD) >= 0)
        close(descriptors[0])
    }
}
