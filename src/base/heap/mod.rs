//! The heap's memory: huge pages that are made ahead of their use.
//!
//! A huge page saves address translations, a tenth or more of what a pipelined command costs with a million keys. But the kernel
//! clears it when it is first touched, and that holds a command up for milliseconds on some machines. So mimalloc is given one
//! region of address space, which the kernel backs with small pages, and tells what part of it comes into use (`commit`). A
//! thread makes huge pages a little ahead of that.
//!
//! mimalloc keeps each 32 MiB of an arena to one kind of sizes and fills them from their start: what is ahead is told by chunk.
//!
//! Rules: (1) the region is mapped before `main`, once, and stays; (2) what is given back to the kernel is not in use: either
//! mimalloc says so, or the chunk's state does (`Chunk::leave`), and then whoever begins to use it waits; (3) `commit` runs
//! inside the allocator: it neither allocates nor unwinds.
#[cfg_attr(
    any(tartan_loom, not(target_os = "linux")),
    expect(dead_code, reason = "the region that it is for is Linux's alone")
)]
mod chunk;

/// Who makes huge pages.
#[derive(Clone, Copy, Debug)]
pub enum HugePages {
    /// A thread of ours, before they are used.
    Ahead,
    /// The kernel, when they are touched: saves somewhat more, at the price of pauses while memory grows.
    AtFirstTouch,
}

#[cfg(all(target_os = "linux", not(tartan_loom)))]
#[expect(unsafe_code, reason = "maps memory for the allocator")]
mod region {
    use std::ffi::{c_int, c_void};
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread::{self, Thread};

    use nix::libc;

    use super::HugePages;
    use super::chunk::{Chunk, PAGES, Pages};
    use crate::base::{alloc, priority};

    /// mimalloc 3's chunk of an arena, in bytes.
    const CHUNK_BYTES: usize = 32 << 20;
    /// The kernel's, on x86-64, and on ARM with pages of 4 KiB.
    const PAGE_BYTES: usize = CHUNK_BYTES / PAGES;
    /// 256 GiB. What is beyond mimalloc gets from the kernel by itself.
    const CHUNKS_MAX: usize = 8192;
    /// mimalloc 3 takes less than 16 GiB as one arena.
    const ARENA_BYTES: usize = 8 << 30;
    /// A smaller heap has small pages only.
    const USED_BYTES_MIN: usize = 8 << 20;

    /// Of the region; 0 if there is none.
    static START: AtomicUsize = AtomicUsize::new(0);
    static REGION_BYTES: AtomicUsize = AtomicUsize::new(0);
    static CHUNKS: [Chunk; CHUNKS_MAX] = [const { Chunk::new() }; CHUNKS_MAX];
    /// One past the last chunk that has come into use.
    static END: AtomicUsize = AtomicUsize::new(0);
    static MAKER: OnceLock<Thread> = OnceLock::new();

    type Commit = extern "C" fn(bool, *mut c_void, usize, *mut bool, *mut c_void) -> bool;

    unsafe extern "C" {
        /// mimalloc.h of mimalloc 3; `libmimalloc-sys` does not declare it.
        fn mi_manage_memory(
            start: *mut c_void,
            size: usize,
            is_committed: bool,
            is_pinned: bool,
            is_zero: bool,
            numa_node: c_int,
            exclusive: bool,
            commit: Commit,
            commit_argument: *mut c_void,
            arena_id: *mut *mut c_void,
        ) -> bool;
    }

    // SAFETY: (1): `reserve` needs nothing that `main` sets up. The section holds pointers to such functions.
    #[used]
    #[unsafe(link_section = ".init_array")]
    static RESERVE: extern "C" fn() = reserve;

    /// Gives mimalloc the region, before its first allocation. Where that fails it maps memory itself, as ever.
    extern "C" fn reserve() {
        let Some(bytes) = region_bytes() else { return };
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a new mapping at an address of the kernel's choice touches nobody's memory.
        let mapped =
            unsafe { libc::mmap(std::ptr::null_mut(), bytes + CHUNK_BYTES, protection, flags, -1, 0) };
        if mapped == libc::MAP_FAILED {
            return;
        }
        let start = (mapped as usize).next_multiple_of(CHUNK_BYTES);
        START.store(start, Ordering::Relaxed);
        REGION_BYTES.store(bytes, Ordering::Relaxed);
        for offset in (0..bytes).step_by(ARENA_BYTES) {
            let (at, size) = ((start + offset) as *mut c_void, ARENA_BYTES.min(bytes - offset));
            let (mut arena, nobody) = (std::ptr::null_mut(), std::ptr::null_mut());
            // SAFETY: the range lies within the mapping, which nobody else knows and which stays (1); `commit` keeps to its
            // contract, see there.
            unsafe {
                libc::madvise(at, size, libc::MADV_NOHUGEPAGE);
                mi_manage_memory(at, size, false, false, true, -1, false, commit, nobody, &raw mut arena);
            }
        }
    }

    /// As much as there is memory. None where the kernel counts what is reserved as if it were used (overcommit mode 2).
    fn region_bytes() -> Option<usize> {
        let mut mode = [0];
        // SAFETY: plain system calls, with a string that ends with a zero and a buffer of the length told.
        let (read, pages, page_bytes) = unsafe {
            let file =
                libc::open(c"/proc/sys/vm/overcommit_memory".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
            let read = libc::read(file, mode.as_mut_ptr().cast(), 1);
            libc::close(file);
            (read, libc::sysconf(libc::_SC_PHYS_PAGES), libc::sysconf(libc::_SC_PAGESIZE))
        };
        let bytes = usize::try_from(pages).ok()? * usize::try_from(page_bytes).ok()?;
        let is_counted = read != 1 || mode == *b"2";
        (!is_counted && bytes > 0).then(|| bytes.next_multiple_of(CHUNK_BYTES).min(CHUNKS_MAX * CHUNK_BYTES))
    }

    /// mimalloc is about to use a part of the region (`begins`), or has stopped using it.
    extern "C" fn commit(begins: bool, at: *mut c_void, bytes: usize, _: *mut bool, _: *mut c_void) -> bool {
        let start = at as usize - START.load(Ordering::Relaxed);
        let end = start + bytes;
        // SAFETY: mimalloc has stopped using this part of its region (2).
        if !begins && unsafe { libc::madvise(at, bytes, libc::MADV_DONTNEED) } != 0 {
            return false;
        }
        let mut wakes = false;
        let (first, last) = (start / CHUNK_BYTES, end.div_ceil(CHUNK_BYTES));
        for (chunk, base) in CHUNKS[first..last].iter().zip((first * CHUNK_BYTES..).step_by(CHUNK_BYTES)) {
            let (from, to) = (start.max(base) - base, end.min(base + CHUNK_BYTES) - base);
            wakes |= match begins {
                true => chunk.begin(mask(from / PAGE_BYTES, to.div_ceil(PAGE_BYTES))),
                false => chunk.end(mask(from.div_ceil(PAGE_BYTES), to / PAGE_BYTES)),
            };
        }
        END.fetch_max(last, Ordering::AcqRel);
        if wakes && let Some(maker) = MAKER.get() {
            maker.unpark();
        }
        true
    }

    /// The pages from one to before another.
    fn mask(from: usize, to: usize) -> Pages {
        let below = |page: usize| ((1_u32 << page) - 1) as Pages;
        if from < to { below(to) & !below(from) } else { 0 }
    }

    /// To be called once, at the start of the process.
    pub fn use_huge_pages(how: HugePages) {
        let start = START.load(Ordering::Relaxed);
        match how {
            _ if start == 0 => {}
            HugePages::Ahead => start_maker(),
            // SAFETY: advice about the whole region.
            HugePages::AtFirstTouch => unsafe {
                libc::madvise(
                    start as *mut c_void,
                    REGION_BYTES.load(Ordering::Relaxed),
                    libc::MADV_HUGEPAGE,
                );
            },
        }
    }

    fn start_maker() {
        // Elsewhere than in the region the kernel shall make none where it may be told so (Linux 6.18).
        const EXCEPT_ADVISED: libc::c_ulong = 1 << 1;
        // SAFETY: sets a flag of the process.
        unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, 1 as libc::c_ulong, EXCEPT_ADVISED, 0, 0) };
        let maker = thread::Builder::new().name("pages".into()).spawn(|| {
            // A page takes milliseconds where the machine is virtual and has not had it before. Where nobody gives the time,
            // small pages do.
            priority::lower_thread();
            loop {
                make_and_leave();
                thread::park();
            }
        });
        if let Ok(maker) = maker {
            let _ = MAKER.set(maker.thread().clone());
            maker.thread().unpark();
        }
    }

    fn make_and_leave() {
        let end = END.load(Ordering::Acquire);
        let is_small = alloc::used_bytes() < USED_BYTES_MIN;
        for (index, chunk) in CHUNKS[..CHUNKS_MAX.min(end + 1)].iter().enumerate() {
            if index < end || is_small {
                chunk.leave(|pages| give_back(index, pages));
            }
        }
        if is_small {
            return;
        }
        let (mut fills, allowed) = (false, spare_max(alloc::used_bytes() / PAGE_BYTES));
        let mut spare = CHUNKS[..end].iter().map(Chunk::spare).sum();
        for (index, chunk) in CHUNKS[..end].iter().enumerate().filter(|(_, chunk)| chunk.take_short()) {
            make(index, chunk, &mut spare, allowed);
            fills |= chunk.is_nearly_full();
        }
        // The one that mimalloc will take next.
        if fills && end < CHUNKS_MAX {
            make(end, &CHUNKS[end], &mut spare, allowed);
        }
    }

    /// How many pages may be made and not used by a heap of so many: an eighth at first, a 32nd of a large one.
    fn spare_max(used: usize) -> usize {
        (used / 8).clamp(1, 8).max(used / 32)
    }

    /// One page at a time, so that nobody who maps memory waits for long.
    fn make(index: usize, chunk: &Chunk, spare: &mut usize, allowed: usize) {
        while *spare < allowed
            && let Some(page) = chunk.wants()
        {
            chunk.note_made(page);
            let at = address(index, page);
            // SAFETY: advice about the region; what is in use is neither moved nor changed. Small pages again afterwards:
            // the kernel makes none of the huge ones by itself.
            let made = unsafe {
                libc::madvise(at, PAGE_BYTES, libc::MADV_HUGEPAGE);
                let made = libc::madvise(at, PAGE_BYTES, libc::MADV_POPULATE_WRITE);
                libc::madvise(at, PAGE_BYTES, libc::MADV_NOHUGEPAGE);
                made
            };
            if made != 0 {
                return;
            }
            *spare += 1;
        }
    }

    fn give_back(index: usize, pages: Pages) {
        for page in (0..PAGES).filter(|page| pages & (1 << page) != 0) {
            // SAFETY: no page of the chunk is in use, and who begins to use one waits (2).
            unsafe { libc::madvise(address(index, page), PAGE_BYTES, libc::MADV_DONTNEED) };
        }
    }

    fn address(chunk: usize, page: usize) -> *mut c_void {
        (START.load(Ordering::Relaxed) + chunk * CHUNK_BYTES + page * PAGE_BYTES) as *mut c_void
    }
}

#[cfg(all(target_os = "linux", not(tartan_loom)))]
pub use region::use_huge_pages;

/// Only Linux is told anything.
#[cfg(not(all(target_os = "linux", not(tartan_loom))))]
pub fn use_huge_pages(_: HugePages) {}
