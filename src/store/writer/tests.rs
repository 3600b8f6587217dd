//! The writer without its thread: a test hands it questions, and it does its work at once.

use super::*;

impl Writer {
    /// Asks all of these in one group.
    pub(in crate::store) fn asked(
        &mut self,
        questions: Vec<Question>,
    ) -> Result<Vec<Answer>, Failed> {
        let count = questions.len();
        let places = Arc::new(tokio::sync::Semaphore::new(count));
        let (mut waiting, mut answers) = (VecDeque::new(), Vec::new());
        for question in questions {
            let (answer, answered) = oneshot::channel();
            let place = Arc::clone(&places).try_acquire_owned().unwrap();
            waiting.push_back(Queued { question, answer, place });
            answers.push(answered);
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
