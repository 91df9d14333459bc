//! Input files, the same on every run.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

/// A small generator of numbers that look random (xorshift64).
#[derive(Debug)]
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new(seed: u64) -> Self {
        Numbers(seed | 1)
    }

    /// The next number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap_or(0) % bound
    }
}

const WORDS: [&str; 24] = [
    "nurse", "patient", "ward", "fever", "pulse", "letter", "window", "garden", "river", "stone", "number", "answer",
    "quiet", "early", "seven", "needle", "bandage", "record", "count", "sleep", "under", "north", "copper", "paper",
];

/// So many lines of words.
pub(crate) fn text(numbers: &mut Numbers, lines: usize) -> String {
    let mut text = String::new();
    for _ in 0..lines {
        for _ in 0..6 + numbers.below(6) {
            text.push_str(WORDS[numbers.below(WORDS.len())]);
            text.push(' ');
        }
        text.push('\n');
    }
    text
}

/// A tree of text files, fifty to a directory, with a symlink in every tenth directory.
pub(crate) fn tree(root: &Path, files: usize, lines: usize) -> io::Result<()> {
    let mut numbers = Numbers::new(7);
    for number in 0..files {
        let dir = root.join(format!("d{:02}", number / 1000)).join(format!("e{:03}", number / 50));
        if number % 50 == 0 {
            fs::create_dir_all(&dir)?;
            if number % 500 == 0 {
                std::os::unix::fs::symlink("../", dir.join("up"))?;
            }
        }
        fs::write(dir.join(format!("f{number:05}.txt")), text(&mut numbers, lines))?;
    }
    Ok(())
}

/// A JSON document: an array of so many objects.
pub(crate) fn json(objects: usize) -> String {
    let mut numbers = Numbers::new(11);
    let rows: Vec<String> = (0..objects)
        .map(|id| {
            let (name, tag) = (WORDS[numbers.below(WORDS.len())], WORDS[numbers.below(WORDS.len())]);
            format!(
                "{{\"id\":{id},\"name\":\"{name}\",\"tags\":[\"{tag}\",null,true],\"n\":{}.5}}",
                numbers.below(1000)
            )
        })
        .collect();
    format!("[{}]\n", rows.join(",\n"))
}

/// SQL that makes and fills a table with so many rows.
pub(crate) fn sql(rows: usize) -> String {
    let mut numbers = Numbers::new(13);
    let mut sql = String::from("create table beds(id integer primary key, ward text, days integer);\nbegin;\n");
    for id in 0..rows {
        // Writing to a String cannot fail.
        let _ = writeln!(
            sql,
            "insert into beds values({id},'{}',{});",
            WORDS[numbers.below(WORDS.len())],
            numbers.below(90)
        );
    }
    sql.push_str("commit;\ncreate index by_ward on beds(ward);\n");
    sql
}

/// A PDF document with so many pages of text in Helvetica.
pub(crate) fn pdf(pages: usize) -> Vec<u8> {
    let mut numbers = Numbers::new(17);
    let kids: Vec<String> = (0..pages).map(|page| format!("{} 0 R", 4 + 2 * page)).collect();
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        format!("<< /Type /Pages /Count {pages} /Kids [{}] >>", kids.join(" ")),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    for page in 0..pages {
        let mut content = format!("BT /F1 16 Tf 72 760 Td (Page {}) Tj /F1 10 Tf 0 -24 Td 13 TL\n", page + 1);
        for line in text(&mut numbers, 45).lines() {
            let _ = writeln!(content, "({line}) Tj T*");
        }
        content.push_str("ET\n");
        objects.push(format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {} 0 R /Resources << /Font << /F1 3 0 R >> >> >>",
            5 + 2 * page
        ));
        objects.push(format!("<< /Length {} >>\nstream\n{content}endstream", content.len()));
    }
    let (mut file, mut table) = (String::from("%PDF-1.4\n"), String::new());
    for (number, object) in objects.iter().enumerate() {
        let _ = writeln!(table, "{:010} 00000 n ", file.len());
        let _ = writeln!(file, "{} 0 obj\n{object}\nendobj", number + 1);
    }
    let (size, start) = (objects.len() + 1, file.len());
    let _ = write!(file, "xref\n0 {size}\n0000000000 65535 f \n{table}");
    let _ = write!(file, "trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n");
    file.into_bytes()
}
