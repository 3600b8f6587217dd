//! The writer without its thread: a test hands it questions, and it does its work at once.

use super::*;

impl Writer {
    /// Asks all of these in one group.
    pub(in crate::store) fn asked<Q, A>(
        &mut self,
        kind: fn(Asked<Q, A>) -> Question,
        questions: Vec<Q>,
    ) -> Result<Vec<A>, Failed> {
        let count = questions.len();
        let places = Arc::new(tokio::sync::Semaphore::new(count));
        let (mut waiting, mut answers) = (VecDeque::new(), Vec::new());
        for question in questions {
            let (asked, answer) = Asked::new(question);
            let place = Arc::clone(&places).try_acquire_owned().unwrap();
            waiting.push_back(Queued { question: kind(asked), place });
            answers.push(answer);
        }
        let (_, queue) = mpsc::channel();
        while !waiting.is_empty() {
            self.serve(&mut waiting, &queue)?;
        }
        Ok(answers.into_iter().map(|mut answer| answer.try_recv().unwrap()).collect())
    }

    /// Does what the writer does now and then.
    pub(in crate::store) fn keeps_up(&mut self) -> Result<(), Failed> {
        self.keep_up()
    }

    pub(in crate::store) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}
