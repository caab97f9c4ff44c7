//! Files that rotate by size and age: names, order, what is deleted.

use super::*;

fn rotation(max_bytes: u64, max_files: usize) -> Rotation {
    Rotation { max_bytes, max_age: Duration::ZERO, max_files }
}

#[test]
fn rotated_files_sort_as_they_were_written_and_the_oldest_go() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.ndjson");
    fs::write(folder.path().join("events-notes.ndjson"), "not one of ours").unwrap();
    let mut file = RotatingFile::open(&path, rotation(10, 3)).unwrap();
    for number in 0..8 {
        file.append(format!("line {number}\n").as_bytes()).unwrap();
    }
    file.sync().unwrap();
    let mut names: Vec<PathBuf> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    let texts: Vec<String> = names.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    assert_eq!(texts, ["line 4\n", "line 5\n", "line 6\n", "not one of ours", "line 7\n"], "{names:?}");
}

#[test]
fn a_line_larger_than_the_limit_gets_a_file_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deeper/events");
    let mut file = RotatingFile::open(&path, rotation(4, 0)).unwrap();
    file.append(b"0123456789\n").unwrap();
    file.append(b"x\n").unwrap();
    file.sync().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "x\n");
    assert_eq!(file.rotated().unwrap().len(), 1);
}

#[test]
fn an_unfinished_line_is_cut_off_and_a_second_process_is_kept_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.ndjson");
    let long = "x".repeat(200_000);
    for (found, kept) in
        [("", ""), ("{}", ""), ("{}\n", "{}\n"), ("{}\n{\"to", "{}\n"), (&format!("{{}}\n{long}"), "{}\n"), (&long, "")]
    {
        fs::write(&path, found).unwrap();
        let mut file = RotatingFile::open(&path, rotation(0, 0)).unwrap();
        assert!(RotatingFile::open(&path, rotation(0, 0)).err().unwrap().message().contains("another process"));
        file.append(b"next\n").unwrap();
        file.sync().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{kept}next\n"));
    }
}

#[test]
fn age_counts_from_the_first_record() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.ndjson");
    let max_age = Duration::from_millis(1);
    let mut file = RotatingFile::open(&path, Rotation { max_bytes: 0, max_age, max_files: 0 }).unwrap();
    assert_eq!(file.ages_in(), None);
    file.append(b"first\n").unwrap();
    while file.ages_in() != Some(Duration::ZERO) {
        std::hint::spin_loop();
    }
    file.rotate_if_old().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "");
    assert_eq!(fs::read_to_string(&file.rotated().unwrap()[0]).unwrap(), "first\n");
}
