//! Builds what goes into the guest (trampoline image, loader, shim) with the same compiler, freestanding, and leaves it in
//! `OUT_DIR` for embedding: `cargo build` and `cargo install --path broker` need nothing else.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use goblin::elf::Elf;
use goblin::elf::program_header::{PT_GNU_RELRO, PT_LOAD};
use goblin::elf::reloc::R_X86_64_RELATIVE;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("..");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    for folder in ["trampoline/src", "shim-preload/src"] {
        println!("cargo::rerun-if-changed={}", root.join(folder).display());
    }
    if env::var("CARGO_CFG_TARGET_ARCH")? != "x86_64" || env::var("CARGO_CFG_TARGET_OS")? != "linux" {
        return Err("nurse runs on x86_64 Linux only; build it for such a target".into());
    }
    let lib = out.join("libtrampoline.rlib");
    rustc(&root.join("trampoline/src/lib.rs"), &lib, &["--crate-type=rlib", "--crate-name=trampoline"])?;
    let with_lib = format!("--extern=trampoline={}", lib.display());
    let bin = [
        "--crate-type=bin",
        "-Clto=fat",
        &with_lib,
        "-Clink-arg=-nostartfiles",
        "-Clink-arg=-nostdlib",
        "-Ctarget-feature=+crt-static",
        "-Clink-arg=-Wl,--build-id=none,-z,noexecstack,--gc-sections",
    ];
    let image = out.join("image.elf");
    rustc(&root.join("trampoline/src/image.rs"), &image, &[&bin[..], &["-Clink-arg=-Wl,-e,nurse_enter"]].concat())?;
    flatten(&image, &out)?;
    rustc(&root.join("shim-preload/src/loader.rs"), &out.join("loader.elf"), &bin)?;
    door(&out, "loader")?;
    let shim = [
        "--crate-type=cdylib",
        "-Clto=fat",
        &with_lib,
        "-Clink-arg=-nostartfiles",
        "-Clink-arg=-nostdlib",
        "-Clink-arg=-Wl,--build-id=none,-z,noexecstack,--gc-sections",
    ];
    rustc(&root.join("shim-preload/src/shim.rs"), &out.join("shim.elf"), &shim)?;
    door(&out, "shim")?;
    Ok(())
}

fn rustc(source: &Path, output: &Path, flags: &[&str]) -> Result<()> {
    let compiler = env::var_os("RUSTC").ok_or("cargo did not set RUSTC")?;
    let status = Command::new(compiler)
        .arg(source)
        .args([
            "--edition=2024",
            "--cap-lints=allow",
            "-Copt-level=2",
            "-Cpanic=abort",
            "-Crelocation-model=pic",
            "-Ccodegen-units=1",
            "-Cforce-unwind-tables=no",
            "-Coverflow-checks=no",
            "-Cdebug-assertions=no",
            "-Cstrip=debuginfo",
        ])
        .args(["--target", &env::var("TARGET")?])
        .args(env::var_os("CARGO_FEATURE_BREAK_GUARDS").map(|_| "--cfg=feature=\"break-guards\""))
        .args(flags)
        .arg("-o")
        .arg(output)
        .status()?;
    if status.success() { Ok(()) } else { Err(format!("rustc failed on {}", source.display()).into()) }
}

/// Turns the image's ELF file into the bytes as they lie in memory, and a list of the words that need the base added.
fn flatten(elf: &Path, out: &Path) -> Result<()> {
    let bytes = fs::read(elf)?;
    let parsed = Elf::parse(&bytes)?;
    let mut flat = Vec::new();
    let relro = parsed.program_headers.iter().find(|header| header.p_type == PT_GNU_RELRO);
    for header in parsed.program_headers.iter().filter(|header| header.p_type == PT_LOAD) {
        if header.is_write() {
            let fixed = relro.is_some_and(|relro| {
                header.p_vaddr >= relro.p_vaddr && header.p_vaddr + header.p_memsz <= relro.p_vaddr + relro.p_memsz
            });
            if !fixed {
                return Err("the trampoline has writable data; its text is shared and read-only".into());
            }
        }
        let (at, len) = (usize::try_from(header.p_vaddr)?, usize::try_from(header.p_filesz)?);
        if flat.len() < at + len {
            flat.resize(at + len, 0);
        }
        flat[at..at + len].copy_from_slice(&bytes[header.file_range()]);
    }
    let mut moves = Vec::new();
    for reloc in parsed.dynrelas.iter() {
        if reloc.r_type != R_X86_64_RELATIVE {
            return Err(format!("the trampoline needs relocation type {}", reloc.r_type).into());
        }
        moves.extend_from_slice(&reloc.r_offset.to_le_bytes());
        moves.extend_from_slice(&u64::try_from(reloc.r_addend.unwrap_or(0))?.to_le_bytes());
    }
    fs::write(out.join("image.bin"), &flat)?;
    fs::write(out.join("image.moves"), &moves)?;
    fs::write(out.join("image.entry"), parsed.entry.to_le_bytes())?;
    Ok(())
}

/// Notes where in a door's file the broker writes the handoff.
fn door(out: &Path, name: &str) -> Result<()> {
    let bytes = fs::read(out.join(format!("{name}.elf")))?;
    let parsed = Elf::parse(&bytes)?;
    let section = parsed
        .section_headers
        .iter()
        .find(|section| parsed.shdr_strtab.get_at(section.sh_name) == Some(".handoff"))
        .ok_or(".handoff is missing")?;
    fs::write(out.join(format!("{name}.handoff")), section.sh_offset.to_le_bytes())?;
    Ok(())
}
