//! The threads of tasks. All stages of a task, its connections too, run on one of them; tasks share threads once there are
//! as many as the machine has cores.
//!
//! At a steady load a task's stages have a few microseconds of work at a time. A scheduler that spreads them over threads
//! wakes one for each hand-over, which costs more than the work, and has one thread free what another allocated. What one
//! task does beyond a thread belongs to `rowtide.encode.threads`.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use rowtide_api::{Error, Result};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

/// Threads that come when they are needed, and go with this.
pub struct Threads {
    most: usize,
    threads: Mutex<Vec<Thread>>,
}

struct Thread {
    runtime: Runtime,
    /// held by each task that runs here
    load: Arc<()>,
}

impl Default for Threads {
    /// As many as the machine has cores.
    fn default() -> Self {
        Self { most: std::thread::available_parallelism().map_or(1, std::num::NonZero::get), threads: Mutex::default() }
    }
}

impl Threads {
    /// Runs a task on the thread that has the fewest; an error when there can be none.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> Result<JoinHandle<()>> {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        if threads.len() < self.most && threads.iter().all(|thread| thread.tasks() > 0) {
            threads.push(Thread::start()?);
        }
        let Some(thread) = threads.iter().min_by_key(|thread| thread.tasks()) else {
            return Err(Error::fatal("there is no thread for the task"));
        };
        let load = thread.load.clone();
        Ok(thread.runtime.spawn(async move {
            let _load = load;
            task.await;
        }))
    }
}

impl Thread {
    fn start() -> Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("task").enable_all().build();
        let runtime = runtime.map_err(|error| {
            Error::transient("cannot start a thread for tasks")
                .remedy("raise the limit of processes (ulimit -u)")
                .caused_by(error)
        })?;
        Ok(Self { runtime, load: Arc::default() })
    }

    fn tasks(&self) -> usize {
        Arc::strong_count(&self.load) - 1
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        let threads = self.threads.get_mut().unwrap_or_else(PoisonError::into_inner);
        // whoever drops this may be async, where waiting for threads is not allowed
        threads.drain(..).for_each(|thread| thread.runtime.shutdown_background());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::thread::ThreadId;

    use tokio::sync::oneshot;

    use super::*;

    /// A task that says where it runs, and runs until it is let go.
    fn started(threads: &Threads) -> (oneshot::Receiver<ThreadId>, oneshot::Sender<()>, JoinHandle<()>) {
        let ((say, said), (go, gone)) = (oneshot::channel(), oneshot::channel::<()>());
        let task = threads.spawn(async move {
            // a task's own tasks run beside it
            let inner = tokio::spawn(async { std::thread::current().id() });
            let _ = say.send(inner.await.unwrap());
            let _ = gone.await;
        });
        (said, go, task.unwrap())
    }

    #[tokio::test]
    async fn tasks_share_as_many_threads_as_there_are_cores_and_those_that_ended_leave_room() {
        let threads = Threads { most: 2, threads: Mutex::default() };
        let mut running = Vec::new();
        let mut places = Vec::new();
        for _ in 0..4 {
            let (said, go, task) = started(&threads);
            places.push(said.await.unwrap());
            running.push((go, task));
        }
        assert_eq!(places.iter().collect::<HashSet<_>>().len(), 2);
        assert_eq!(places.iter().filter(|place| **place == places[0]).count(), 2);
        // both on the first one's thread end
        let ended: Vec<_> =
            (0..4).rev().filter(|number| places[*number] == places[0]).map(|number| running.remove(number)).collect();
        for (go, task) in ended {
            go.send(()).unwrap();
            task.await.unwrap();
        }
        for _ in 0..2 {
            let (said, go, task) = started(&threads);
            assert_eq!(said.await.unwrap(), places[0]);
            running.push((go, task));
        }
    }

    #[tokio::test]
    async fn threads_go_with_their_owner() {
        let threads = Threads::default();
        let (said, _go, task) = started(&threads);
        said.await.unwrap();
        drop(threads);
        assert!(task.await.unwrap_err().is_cancelled());
    }
}
