import NIOCore
import NIOPosix

/// Runs tasks on an event loop. A client that such a task makes has its connection on the same loop, and then a reply
/// changes no thread on its way from the socket to the task.
public final class EventLoopExecutor: TaskExecutor {
    private let loop: any EventLoop

    public init(on group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton) { loop = group.any() }

    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
