use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;

const LONG: Duration = Duration::from_secs(60);

/// A reader that takes a write only when it is let.
struct Slow {
    let_go: Receiver<io::Result<()>>,
    read: Sender<Vec<u8>>,
}

impl Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.let_go.recv().unwrap_or(Ok(()))?;
        self.read.send(bytes.to_vec()).unwrap();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn slow(most: usize) -> (Lines, Sender<io::Result<()>>, Receiver<Vec<u8>>) {
    let (go, let_go) = channel();
    let (read, lines) = channel();
    (Lines::to(Slow { let_go, read }, most).unwrap(), go, lines)
}

#[test]
fn a_full_queue_drops_the_newest_and_counts_them() {
    let (lines, go, read) = slow(8);
    for line in [b"1234", b"5678", b"9abc", b"defg"] {
        lines.make_writer().write_all(line).unwrap();
    }
    assert_eq!(lines.waiting().dropped, 2);
    lines.flush(Duration::from_millis(10));
    assert_eq!(lines.waiting().bytes, 8, "a flush ends although nobody reads");

    drop(go);
    lines.flush(LONG);
    assert_eq!(read.try_iter().collect::<Vec<_>>(), [b"1234", b"5678"]);
    assert_eq!(lines.waiting().dropped, 0, "the reader was told");
}

#[test]
fn a_line_that_cannot_be_written_is_counted_and_the_next_is_tried() {
    let (lines, go, read) = slow(1024);
    go.send(Err(io::ErrorKind::BrokenPipe.into())).unwrap();
    lines.make_writer().write_all(b"lost").unwrap();
    lines.flush(LONG);
    assert_eq!(lines.waiting().dropped, 1);

    go.send(Err(io::ErrorKind::WouldBlock.into())).unwrap();
    go.send(Ok(())).unwrap();
    lines.make_writer().write_all(b"kept").unwrap();
    lines.flush(LONG);
    assert_eq!(read.try_iter().collect::<Vec<_>>(), [b"kept"]);
}
