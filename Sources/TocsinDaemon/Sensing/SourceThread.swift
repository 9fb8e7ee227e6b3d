import NIOCore
import TocsinLinux

/// The thread of one source runner, and a future for its end. Joined when this object goes.
final class SourceThread {
    let ended: EventLoopFuture<Void>
    private let thread: BlockingThread

    init(_ runner: SourceRunner, name: String, endsOn eventLoop: any EventLoop) throws(SystemError) {
        let promise = eventLoop.makePromise(of: Void.self)
        ended = promise.futureResult
        do throws(SystemError) {
            thread = try BlockingThread(name: name) {
                runner.run()
                promise.succeed()
            }
        } catch {
            promise.fail(error)
            throw error
        }
    }
}
