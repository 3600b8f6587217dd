use clap::Arg;

use super::*;

fn toy() -> Command {
    Command::new("toy")
        .version("1.2.3")
        .about("Plays with blocks.")
        .arg(Arg::new("config").long("config").value_name("FILE").help("Where the blocks are"))
        .subcommand(Command::new("events").about("Asks about events.").subcommand(
            Command::new("list").about("Lists them.").arg(Arg::new("state").long("state")),
        ))
        .subcommand(Command::new("generate").about("Writes this.").hide(true))
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn each_visible_command_has_a_page_and_each_shell_its_completions() {
    let directory = tempfile::tempdir().unwrap();

    write_assets(toy(), directory.path()).unwrap();

    assert_eq!(
        names(&directory.path().join("man")),
        ["toy-events-list.1", "toy-events.1", "toy.1"]
    );
    assert_eq!(names(&directory.path().join("completions")), ["_toy", "toy.bash", "toy.fish"]);
}

#[test]
fn pages_and_completions_say_what_the_command_says() {
    let directory = tempfile::tempdir().unwrap();

    write_assets(toy(), directory.path()).unwrap();

    let read = |path: &str| fs::read_to_string(directory.path().join(path)).unwrap();
    let page = read("man/toy.1");
    assert!(page.contains("Plays with blocks.") && page.contains("FILE"), "{page}");
    assert!(!page.contains("Writes this."), "{page}");
    assert!(read("man/toy-events-list.1").contains("state"));
    assert!(read("completions/toy.bash").contains("--config"));
}

#[test]
fn writing_again_replaces_what_was_there() {
    let directory = tempfile::tempdir().unwrap();
    write_assets(toy(), directory.path()).unwrap();

    write_assets(toy().about("Plays with bricks."), directory.path()).unwrap();

    let page = fs::read_to_string(directory.path().join("man/toy.1")).unwrap();
    assert!(page.contains("Plays with bricks."), "{page}");
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let taken = directory.path().join("taken");
    fs::write(&taken, "").unwrap();

    let error = write_assets(toy(), &taken).unwrap_err().to_string();

    assert!(error.contains("taken/man cannot be written: "), "{error}");
}
