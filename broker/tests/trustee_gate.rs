//! A gate for the code that an attacker would most like to bend: the trustee's instructions, as they are embedded.
//!
//! The trustee has no memory of its own, so it must not keep anything in any: no stack, and no write of `rsp` but from the
//! read-only order page. What a guest jumps to instead of it must hold no call that strict mode does not stop.

#![allow(clippy::cast_possible_truncation, reason = "nurse runs on x86_64")]

use std::collections::BTreeSet;

use goblin::elf::Elf;
use iced_x86::{
    Code, Decoder, DecoderOptions, Formatter, Instruction, InstructionInfoFactory, IntelFormatter, Mnemonic, OpAccess,
    OpKind, Register,
};

/// Offset of `frame_top` in an order, as the assembly reads it.
const FRAME_TOP: u64 = std::mem::offset_of!(trampoline::layout::Order, frame_top) as u64;

struct Function {
    name: String,
    instructions: Vec<Instruction>,
}

/// The trustee's own functions: its loop with the cancel handler, and its start. `spawn` runs in the thread that makes it.
fn trustee() -> Vec<Function> {
    let bytes = include_bytes!(concat!(env!("OUT_DIR"), "/image.elf"));
    let elf = Elf::parse(bytes.as_slice()).expect("the image is an ELF file");
    let mut starts: Vec<(u64, u64, String)> = elf
        .syms
        .iter()
        .filter_map(|symbol| Some((symbol.st_value, symbol.st_size, elf.strtab.get_at(symbol.st_name)?.to_owned())))
        .filter(|(_, _, name)| name.contains("trustee") && !name.contains("spawn") && !name.contains("cancel_entry"))
        .collect();
    starts.sort();
    // From the first of them to the end of the last: labels inside a function have no size of their own.
    let first = starts.first().expect("the image keeps its symbols").0;
    let end = starts.iter().map(|(at, size, _)| at + size).max().expect("as above");
    let offset = elf
        .program_headers
        .iter()
        .find(|header| header.is_executable() && header.vm_range().contains(&(first as usize)))
        .map(|header| header.p_offset + first - header.p_vaddr)
        .expect("the trustee is in executable text") as usize;
    let code = &bytes[offset..offset + (end - first) as usize];
    let instructions: Vec<_> = Decoder::with_ip(64, code, first, DecoderOptions::NONE).into_iter().collect();
    let name =
        |at: u64| starts.iter().rev().find(|(start, ..)| *start <= at).map_or(String::new(), |(.., name)| name.clone());
    let mut functions: Vec<Function> = Vec::new();
    for instruction in instructions {
        let name = name(instruction.ip());
        match functions.last_mut() {
            Some(last) if last.name == name => last.instructions.push(instruction),
            _ => functions.push(Function { name, instructions: vec![instruction] }),
        }
    }
    functions
}

fn text(instruction: &Instruction) -> String {
    let mut text = String::new();
    IntelFormatter::new().format(instruction, &mut text);
    format!("{:#x}: {text}", instruction.ip())
}

/// What is wrong with an instruction, if anything.
fn fault(instruction: &Instruction, info: &mut InstructionInfoFactory) -> Option<&'static str> {
    if instruction.is_invalid() {
        return Some("no instruction");
    }
    // Padding behind a function; nothing falls into it.
    if matches!(instruction.code(), Code::Int3 | Code::Ud2) {
        return None;
    }
    if instruction.is_stack_instruction() {
        return Some("uses a stack");
    }
    if matches!(
        instruction.mnemonic(),
        Mnemonic::Iretq | Mnemonic::Sysret | Mnemonic::Sysretq | Mnemonic::Sysenter | Mnemonic::Int
    ) {
        return Some("leaves by another door");
    }
    if instruction.is_jmp_near_indirect() || instruction.is_jmp_far_indirect() || instruction.is_call_near_indirect() {
        return Some("jumps to where a register or memory says");
    }
    let info = info.info(instruction);
    for used in info.used_memory() {
        if [used.base(), used.index()]
            .iter()
            .any(|register| matches!(register.full_register(), Register::RSP | Register::RBP))
        {
            return Some("memory by rsp or rbp");
        }
        if used.access() != OpAccess::NoMemAccess && matches!(used.segment(), Register::FS | Register::GS) {
            return Some("thread-local memory");
        }
        let writes = matches!(
            used.access(),
            OpAccess::Write | OpAccess::CondWrite | OpAccess::ReadWrite | OpAccess::ReadCondWrite
        );
        if writes && used.base() != Register::R14 {
            return Some("writes elsewhere than into the request");
        }
    }
    for used in info.used_registers() {
        let writes = matches!(
            used.access(),
            OpAccess::Write | OpAccess::CondWrite | OpAccess::ReadWrite | OpAccess::ReadCondWrite
        );
        if !writes {
            continue;
        }
        match used.register().full_register() {
            Register::RSP => {
                let from_order = instruction.mnemonic() == Mnemonic::Mov
                    && instruction.op1_kind() == OpKind::Memory
                    && instruction.memory_base() == Register::R12
                    && instruction.memory_index() == Register::None
                    && instruction.memory_displacement64() == FRAME_TOP;
                if !from_order {
                    return Some("sets rsp");
                }
            }
            Register::R12 | Register::R14 | Register::R15 => return Some("changes where its pages are"),
            _ => {}
        }
    }
    None
}

#[test]
fn the_trustee_keeps_to_its_registers() {
    let mut info = InstructionInfoFactory::new();
    let functions = trustee();
    assert!(
        functions.iter().map(|function| function.instructions.len()).sum::<usize>() > 100,
        "too little to be the trustee"
    );
    let faults: Vec<String> = functions
        .iter()
        .flat_map(|function| &function.instructions)
        .filter_map(|instruction| Some(format!("{}: {}", text(instruction), fault(instruction, &mut info)?)))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// All of a trustee's jumps stay among its own instructions, at their beginnings.
#[test]
fn the_trustee_never_leaves_its_text() {
    let functions = trustee();
    let all: Vec<Instruction> = functions.iter().flat_map(|function| function.instructions.clone()).collect();
    let starts: BTreeSet<u64> = all.iter().map(Instruction::ip).collect();
    for instruction in &all {
        if instruction.is_jmp_short_or_near() || instruction.is_jcc_short_or_near() {
            assert!(starts.contains(&instruction.near_branch_target()), "{}", text(instruction));
        }
    }
}

/// The registers that a call's checks look at are not loaded again between the checks and the call.
#[test]
fn a_granted_call_is_loaded_once() {
    const CALL: [Register; 7] =
        [Register::RAX, Register::RDI, Register::RSI, Register::RDX, Register::R10, Register::R8, Register::R9];
    let all: Vec<Instruction> = trustee().iter().flat_map(|function| function.instructions.clone()).collect();
    let reads = |instruction: &Instruction, displacement: usize| {
        instruction.mnemonic() == Mnemonic::Mov
            && instruction.op0_kind() == OpKind::Register
            && instruction.op1_kind() == OpKind::Memory
            && instruction.memory_base() == Register::R14
            && instruction.memory_displacement64() == displacement as u64
    };
    let number = std::mem::offset_of!(trampoline::layout::Request, nr);
    let args = std::mem::offset_of!(trampoline::layout::Request, args);
    for (index, register) in CALL.iter().enumerate() {
        let displacement = if index == 0 { number } else { args + 8 * (index - 1) };
        let loads: Vec<_> = all.iter().filter(|instruction| reads(instruction, displacement)).collect();
        assert_eq!(loads.len(), 1, "{register:?}");
        assert_eq!(loads[0].op0_register(), *register);
    }
    // From the last load to the call itself: no more look into the request, and no write to the call's registers.
    let last = all.iter().position(|instruction| reads(instruction, args + 40)).expect("argument 5 is loaded");
    let call =
        all[last..].iter().position(|instruction| instruction.mnemonic() == Mnemonic::Syscall).expect("a call follows")
            + last;
    let mut info = InstructionInfoFactory::new();
    for instruction in &all[last + 1..call] {
        // The refusal, which jumps over the call.
        if instruction.mnemonic() == Mnemonic::Mov && instruction.op0_register() == Register::RAX {
            assert!(
                matches!(instruction.op1_kind(), OpKind::Immediate32to64 | OpKind::Immediate64),
                "{}",
                text(instruction)
            );
            continue;
        }
        let info = info.info(instruction);
        assert!(info.used_memory().iter().all(|used| used.base() != Register::R14), "{}", text(instruction));
        for used in
            info.used_registers().iter().filter(|used| !matches!(used.access(), OpAccess::Read | OpAccess::CondRead))
        {
            assert!(!CALL.contains(&used.register().full_register()), "{}", text(instruction));
        }
    }
}

/// The gate itself can refuse.
#[test]
fn the_gate_refuses_what_it_should() {
    let mut info = InstructionInfoFactory::new();
    for (code, why) in [
        (&[0x50_u8][..], "push rax"),
        (&[0xc3], "ret"),
        (&[0xe8, 0, 0, 0, 0], "call"),
        (&[0xc9], "leave"),
        (&[0x48, 0x8b, 0x04, 0x24], "mov rax, [rsp]"),
        (&[0x48, 0x89, 0x45, 0xf8], "mov [rbp - 8], rax"),
        (&[0x48, 0x83, 0xec, 0x08], "sub rsp, 8"),
        (&[0x48, 0x89, 0xc4], "mov rsp, rax"),
        (&[0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0], "mov rax, fs:[0]"),
        (&[0xff, 0xe0], "jmp rax"),
        (&[0x49, 0x89, 0x04, 0x24], "mov [r12], rax"),
        (&[0x4d, 0x8b, 0x26], "mov r12, [r14]"),
    ] {
        let instruction = Decoder::with_ip(64, code, 0, DecoderOptions::NONE).decode();
        assert!(fault(&instruction, &mut info).is_some(), "{why}");
    }
}
