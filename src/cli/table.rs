//! Plain tables for a terminal: columns as wide as their widest cell, two spaces between, never wider than a page.

use crate::admin::wording::shortened;

/// How many letters fit on a line.
const PAGE: usize = 100;
/// A column that is shortened keeps so many.
const LEAST: usize = 10;

/// Lays out rows under a head; the last column is not padded.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    laid_out(head, rows, &widths(head, rows))
}

/// The same within a page: where rows are too wide, the named columns lose the middle of their long cells, the first
/// named first.
pub(super) fn table_on_a_page(head: &[&str], rows: &[Vec<String>], give: &[&str]) -> String {
    let mut widths = widths(head, rows);
    let whole =
        |widths: &[usize]| widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1);
    for name in give {
        let Some(column) = head.iter().position(|cell| cell == name) else { continue };
        let over = whole(&widths).saturating_sub(PAGE);
        let least = LEAST.max(head[column].chars().count()).min(widths[column]);
        widths[column] = widths[column].saturating_sub(over).max(least);
    }
    laid_out(head, rows, &widths)
}

fn widths(head: &[&str], rows: &[Vec<String>]) -> Vec<usize> {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    widths
}

fn laid_out(head: &[&str], rows: &[Vec<String>], widths: &[usize]) -> String {
    let head: Vec<String> = head.iter().map(ToString::to_string).collect();
    let rule: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
    let lines = [&head, &rule].into_iter().chain(rows).map(|row| line(row, widths));
    lines.collect::<Vec<_>>().join("\n")
}

fn line(row: &[String], widths: &[usize]) -> String {
    let mut text = String::new();
    for (cell, width) in row.iter().zip(widths) {
        let cell = shortened(cell, *width);
        let padding = width.saturating_sub(cell.chars().count()) + 2;
        text.push_str(&cell);
        text.push_str(&" ".repeat(padding));
    }
    text.trim_end().to_owned()
}
