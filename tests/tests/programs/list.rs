//! The programs, their arguments, and how they end.

/// A command to run.
pub(crate) struct Program {
    /// Name of the trial.
    pub(crate) name: &'static str,
    /// Program and arguments; `IN/` stands for the inputs, `OUT` for the scratch directory, which is the working directory too.
    pub(crate) command: &'static [&'static str],
    /// Its standard input.
    pub(crate) stdin: &'static str,
    /// Inputs that are copied to the scratch directory first.
    pub(crate) copies: &'static [&'static str],
    /// Its exit code.
    pub(crate) code: i32,
}

const fn run(name: &'static str, command: &'static [&'static str]) -> Program {
    Program { name, command, stdin: "", copies: &[], code: 0 }
}

const fn fed(name: &'static str, stdin: &'static str, command: &'static [&'static str]) -> Program {
    Program { stdin, ..run(name, command) }
}

const fn changing(name: &'static str, copies: &'static [&'static str], command: &'static [&'static str]) -> Program {
    Program { copies, ..run(name, command) }
}

const fn failing(name: &'static str, code: i32, command: &'static [&'static str]) -> Program {
    Program { code, ..run(name, command) }
}

/// All of them.
pub(crate) const PROGRAMS: &[Program] = &[
    // Reading.
    run("ls.recursive", &["ls", "-lR", "IN/tree"]),
    run("ls.all", &["ls", "-la", "IN/", "/etc", "/usr/bin"]),
    failing("ls.absent", 2, &["ls", "/no/such/place", "/"]),
    run("cat", &["cat", "IN/words.txt"]),
    fed("cat.stdin", "one\ntwo\n", &["cat", "-n", "-", "IN/fill.sql"]),
    run("grep.recursive", &["grep", "-rn", "needle.*fever", "IN/tree"]),
    run("grep.many", &["grep", "-rc", "nurse", "IN/many"]),
    failing("grep.nothing", 1, &["grep", "no such word", "IN/words.txt"]),
    run("find.names", &["find", "IN/tree", "-type", "f", "-name", "*9.txt", "-printf", "%p %s %m %T@\n"]),
    run("find.many", &["find", "IN/many", "-size", "-2", "-newer", "IN/doc.pdf", "-o", "-type", "l", "-ls"]),
    run("find.follow", &["find", "-L", "IN/tree", "-maxdepth", "2"]),
    run("sha256sum", &["sha256sum", "IN/words.txt", "IN/doc.pdf", "IN/data.db"]),
    run("md5sum", &["md5sum", "IN/words.txt"]),
    run("wc", &["wc", "IN/words.txt", "IN/data.json"]),
    run("head", &["head", "-n", "7", "IN/words.txt"]),
    run("tail", &["tail", "-n", "7", "IN/words.txt"]),
    run("od", &["od", "-A", "d", "-t", "x1z", "-N", "4096", "IN/doc.pdf"]),
    run("base64", &["base64", "IN/doc.pdf"]),
    run("du", &["du", "-a", "--apparent-size", "IN/tree"]),
    run("stat", &["stat", "-c", "%n %s %A %U %G %F", "IN/words.txt", "IN/tree", "/dev/null", "/etc/passwd"]),
    run("readlink", &["readlink", "-f", "/proc/self/exe", "/usr/bin/awk", "IN/tree/d00/e000/up"]),
    run("realpath", &["realpath", "IN/tree/d00/e000/up", "/lib"]),
    failing("diff", 1, &["diff", "IN/fill.sql", "IN/words.txt"]),
    failing("cmp", 1, &["cmp", "IN/data.json", "IN/words.txt"]),
    run("comm", &["comm", "-12", "IN/fill.sql", "IN/fill.sql"]),
    run("strings", &["grep", "-a", "-o", "Page [0-9]*", "IN/doc.pdf"]),
    // Filters.
    run("sort.unique", &["sort", "--parallel=1", "-u", "IN/words.txt"]),
    run("sort.external", &["sort", "--parallel=1", "-S", "100k", "-T", "OUT", "-k2,3", "IN/words.txt"]),
    run("uniq", &["uniq", "-c", "IN/fill.sql"]),
    run("cut", &["cut", "-d", " ", "-f2,4", "IN/words.txt"]),
    fed("tr", "lower to UPPER\n", &["tr", "a-z", "A-Z"]),
    run("sed", &["sed", "-n", "-E", "s/(needle|pulse) ([a-z]+)/[\\2]/gp", "IN/words.txt"]),
    run(
        "awk.count",
        &["gawk", "{n[$1]++} END {for (w in n) t += n[w]; printf \"%d %.3f\\n\", t, sin(t)}", "IN/words.txt"],
    ),
    run("seq", &["seq", "100000"]),
    run("printf", &["printf", "%08.3f|%s|%x\\n", "3.14159", "word", "255"]),
    run("factor", &["factor", "1234567890123456789", "97"]),
    // About the system.
    run("date", &["date", "-u", "-d", "@1000000000", "+%F %T %A"]),
    run("id", &["id"]),
    run("uname", &["uname", "-a"]),
    run("env", &["env"]),
    run("nproc", &["nproc"]),
    run("pwd", &["pwd", "-P"]),
    failing("false", 1, &["false"]),
    failing("test", 1, &["test", "-e", "/no/such/file"]),
    run("getent", &["getent", "passwd", "root", "nobody"]),
    run("locale", &["locale"]),
    // Writing.
    run("cp", &["cp", "-av", "IN/tree/d00/e000", "OUT/copy"]),
    changing("mv", &["words.txt"], &["mv", "-v", "words.txt", "renamed"]),
    changing("rm", &["words.txt", "doc.pdf"], &["rm", "-v", "words.txt"]),
    changing("ln", &["words.txt"], &["ln", "-sv", "words.txt", "link"]),
    changing("ln.hard", &["fill.sql"], &["ln", "-v", "fill.sql", "hard"]),
    run("mkdir", &["mkdir", "-pv", "OUT/a/b/c"]),
    run("touch", &["touch", "-d", "2001-02-03", "OUT/new"]),
    run("install", &["install", "-m", "640", "-v", "IN/fill.sql", "OUT/installed"]),
    run("dd", &["dd", "if=IN/words.txt", "of=OUT/part", "bs=1000", "skip=3", "count=50", "status=none"]),
    run("split", &["split", "-b", "100k", "IN/words.txt", "OUT/part-"]),
    run("truncate", &["truncate", "-s", "12345", "OUT/sparse"]),
    fed("tee", "to two places\n", &["tee", "OUT/one", "OUT/two"]),
    changing("sed.in_place", &["words.txt"], &["sed", "-i.bak", "s/nurse/NURSE/g", "words.txt"]),
    changing("chmod", &["words.txt"], &["cp", "--preserve=mode,timestamps", "words.txt", "again"]),
    // Packing.
    run("gzip", &["gzip", "-9nc", "IN/words.txt"]),
    run("gzip.unpack", &["gzip", "-dc", "IN/words.txt.gz"]),
    changing("gzip.file", &["words.txt"], &["gzip", "-nv", "words.txt"]),
    run("xz", &["xz", "-T1", "-1c", "IN/words.txt"]),
    run("xz.unpack", &["xz", "-T1", "-dc", "IN/words.txt.xz"]),
    run("zstd", &["zstd", "-q", "--single-thread", "--no-asyncio", "-c", "IN/words.txt"]),
    run("zstd.unpack", &["zstd", "-q", "--single-thread", "--no-asyncio", "-dc", "IN/words.txt.zst"]),
    run("tar.create", &["tar", "--sort=name", "-cf", "-", "-C", "IN/", "tree"]),
    run("tar.extract", &["tar", "-xvf", "IN/tree.tar", "-C", "OUT"]),
    run("tar.list", &["tar", "-tvf", "IN/tree.tar"]),
    // Languages.
    run(
        "perl.text",
        &[
            "perl",
            "-ne",
            "$n{$_}++ for /(\\w+)/g; END { printf \"%s %d\\n\", $_, $n{$_} for sort keys %n }",
            "IN/words.txt",
        ],
    ),
    run(
        "perl.modules",
        &[
            "perl",
            "-MPOSIX",
            "-MData::Dumper",
            "-MFile::Find",
            "-MDigest::SHA=sha1_hex",
            "-e",
            "$Data::Dumper::Sortkeys=1; find(sub { $n{sha1_hex($_)} = -s if -f }, $ARGV[0]); print Dumper(\\%n), floor(3.7), \" $^X\\n\"",
            "IN/tree",
        ],
    ),
    run(
        "perl.alarm",
        &[
            "perl",
            "-e",
            "$SIG{ALRM} = sub { print \"rang\\n\" }; alarm 1; select(undef, undef, undef, 5); print \"on\\n\"",
        ],
    ),
    run("python3.hello", &["python3", "-c", "print('hello')"]),
    run("python3.modules", &["python3", "-c", include_str!("modules.py"), "IN/data.db", "IN/data.json"]),
    run("python3.walk", &["python3", "-c", include_str!("walk.py"), "IN/many"]),
    run("python3.system", &["python3", "-c", include_str!("system.py")]),
    run("python3.files", &["python3", "-c", include_str!("files.py")]),
    run("python3.signals", &["python3", "-c", include_str!("signals.py")]),
    failing("python3.error", 1, &["python3", "-c", "raise ValueError('on purpose')"]),
    failing("python3.exit", 42, &["python3", "-c", "import sys; sys.exit(42)"]),
    fed("python3.stdin", "import sys\nprint(sys.argv, sys.flags.isolated)\n", &["python3", "-", "a", "b"]),
    run("lua", &["lua5.4", "-e", include_str!("script.lua"), "/dev/null"]),
    fed("lua.stdin", "for line in io.lines('/etc/passwd') do print(#line) end", &["lua5.4", "-"]),
    run(
        "sqlite3.query",
        &["sqlite3", "IN/data.db", "select ward, count(*), avg(days) from beds group by ward order by 1;"],
    ),
    run(
        "sqlite3.create",
        &["sqlite3", "OUT/new.db", ".read IN/fill.sql", "select sum(days) from beds;", "pragma integrity_check;"],
    ),
    run(
        "sqlite3.wal",
        &[
            "sqlite3",
            "OUT/new.db",
            "pragma journal_mode=wal; create table t(a); insert into t values(1),(2); select sum(a) from t;",
        ],
    ),
    run("jq", &["jq", "-c", "map(select(.n > 900)) | sort_by(.name, .id) | .[] | {id, name}", "IN/data.json"]),
    fed("jq.stdin", "{\"a\":[1,2,{\"b\":null}]}", &["jq", "-S", "."]),
    fed("dash", "x=0; while [ $x -lt 1000 ]; do x=$((x + 1)); done; echo $x; cd /usr && pwd", &["dash"]),
    run(
        "bash",
        &[
            "bash",
            "-c",
            "for i in {1..2000}; do ((s += i)); done; echo $s; printf '%s\\n' /usr/*; read -r line < /etc/passwd; echo \"$line\"",
        ],
    ),
    // Documents.
    run("pdftotext", &["pdftotext", "IN/doc.pdf", "-"]),
    run("pdftotext.layout", &["pdftotext", "-layout", "-f", "3", "-l", "5", "IN/doc.pdf", "OUT/text"]),
    run("pdfinfo", &["pdfinfo", "IN/doc.pdf"]),
    run("pdffonts", &["pdffonts", "IN/doc.pdf"]),
    run("pdftoppm", &["pdftoppm", "-r", "20", "-l", "3", "-png", "IN/doc.pdf", "OUT/page"]),
    run("qpdf.check", &["qpdf", "--check", "IN/doc.pdf"]),
    run("qpdf.linearize", &["qpdf", "--linearize", "--deterministic-id", "IN/doc.pdf", "OUT/linear.pdf"]),
    run("qpdf.json", &["qpdf", "--json", "IN/doc.pdf"]),
    run(
        "gs",
        &[
            "gs",
            "-q",
            "-dNOPAUSE",
            "-dBATCH",
            "-dSAFER",
            "-sDEVICE=pnggray",
            "-r20",
            "-dLastPage=2",
            "-sOutputFile=OUT/p%d.png",
            "IN/doc.pdf",
        ],
    ),
    // Threads.
    run("threads.xz", &["xz", "-T2", "-1c", "--block-size=200KiB", "IN/words.txt"]),
    run("threads.zstd", &["zstd", "-q", "-T2", "-c", "IN/words.txt"]),
    run("threads.sort", &["sort", "--parallel=2", "-S", "10M", "IN/words.txt"]),
    run("threads.python3", &["python3", "-c", include_str!("threads.py")]),
    fed("threads.fzf", "alpha\nbeta\nalphabet\ngamma\n", &["fzf", "--filter", "alp"]),
    // Children.
    run("children.exec", &["sh", "-c", "echo waiting; exec sleep 0.1"]),
    run("children.shell", &["sh", "-c", "ls / | sort | head -3; echo $(echo inner); (exit 3); echo $?"]),
    run("children.xargs", &["sh", "-c", "seq 20 | xargs -n 5 echo"]),
    run("children.find", &["find", "IN/tree/d00/e000", "-name", "*1.txt", "-exec", "wc", "-l", "{}", ";"]),
    run("children.tar", &["tar", "-xzvf", "IN/tree.tar.gz", "-C", "OUT"]),
    run("children.python3", &["python3", "-c", include_str!("children.py")]),
    run(
        "children.perl",
        &[
            "perl",
            "-e",
            "print `echo from a child`; system('exit 3'); print $? >> 8, \"\\n\"; if (!fork) { exit 5 } wait; print $? >> 8, \"\\n\"",
        ],
    ),
    run("children.make", &["sh", "-c", "printf 'int main(void){return 0;}' > t.c && gcc -o t t.c && ./t && echo ran"]),
    run("children.timeout", &["timeout", "10", "echo", "in time"]),
    failing("children.env", 127, &["env", "no-such-program"]),
];
