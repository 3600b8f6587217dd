//! The tasks that run side by side. None ends unnoticed: where an essential one ends, the bridge ends with it and is
//! started anew by systemd; the others are started again.

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use super::Failure;
use crate::contained::watched;
use crate::shutdown::Shutdown;

/// Starts tasks and waits for those that fail.
pub(super) struct Tasks {
    tell: UnboundedSender<&'static str>,
    told: UnboundedReceiver<&'static str>,
}

impl Tasks {
    pub(super) fn new() -> Self {
        let (tell, told) = unbounded_channel();
        Self { tell, told }
    }

    /// Starts an essential part; it fails if it panics, or ends before that was `asked` of it.
    pub(super) fn essential(
        &self,
        part: &'static str,
        asked: &Shutdown,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> JoinHandle<()> {
        let (tell, asked) = (self.tell.clone(), asked.clone());
        tokio::spawn(async move {
            let ended = watched(part, work).await;
            if ended.is_err() || !asked.is_requested() {
                // There is no receiver any more once the bridge stops.
                tell.send(part).unwrap_or_default();
            }
        })
    }

    /// Waits until an essential part has failed.
    pub(super) async fn failed(&mut self) -> Failure {
        match self.told.recv().await {
            Some(part) => Failure::Broken(format!("the {part} ended unexpectedly")),
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_essential_part_that_panics_or_ends_by_itself_is_told_and_one_that_was_asked_to_is_not()
     {
        let (mut tasks, asked) = (Tasks::new(), Shutdown::new());
        let panics = async { assert!(std::hint::black_box(false), "on purpose") };
        tasks.essential("dispatcher", &asked, panics).await.unwrap();
        let told = tasks.failed().await.to_string();
        assert_eq!(told, "the dispatcher ended unexpectedly");
        tasks.essential("intake", &asked, async {}).await.unwrap();
        assert!(tasks.failed().await.to_string().contains("intake"));
        asked.trigger();
        tasks.essential("intake", &asked, async {}).await.unwrap();
        assert!(tasks.told.try_recv().is_err());
    }
}
