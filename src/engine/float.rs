//! The floating-point environment: how results are rounded, and what traps. It is each fiber's own, and each
//! task begins with the default.

#![allow(unsafe_code, reason = "control registers")]

/// The control registers of the calling thread, without the flags of what has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FloatControl {
    #[cfg(target_arch = "x86_64")]
    sse: u32,
    #[cfg(target_arch = "x86_64")]
    x87: u16,
    #[cfg(target_arch = "aarch64")]
    fpcr: u64,
}

#[cfg(target_arch = "x86_64")]
impl FloatControl {
    /// The default of a new program.
    const DEFAULT: Self = Self {
        sse: 0x1f80,
        x87: 0x037f,
    };
    /// The flags of MXCSR that say what has happened.
    const FLAGS: u32 = 0x3f;

    #[inline]
    pub(super) fn read() -> Self {
        let (mut sse, mut x87) = (0_u32, 0_u16);
        // SAFETY: stores four and two bytes where there is room for them.
        unsafe {
            std::arch::asm!(
                "stmxcsr [{sse}]",
                "fnstcw [{x87}]",
                sse = in(reg) &raw mut sse,
                x87 = in(reg) &raw mut x87,
                options(nostack, preserves_flags),
            );
        }
        Self {
            sse: sse & !Self::FLAGS,
            x87,
        }
    }

    #[cold]
    fn write(self) {
        let (sse, x87) = (self.sse, self.x87);
        // SAFETY: values that were read, or the default; no trap is pending, since flags are not set.
        unsafe {
            std::arch::asm!(
                "ldmxcsr [{sse}]",
                "fnclex",
                "fldcw [{x87}]",
                sse = in(reg) &raw const sse,
                x87 = in(reg) &raw const x87,
                options(nostack),
            );
        }
    }
}

#[cfg(target_arch = "aarch64")]
impl FloatControl {
    const DEFAULT: Self = Self { fpcr: 0 };

    #[inline]
    pub(super) fn read() -> Self {
        let fpcr;
        // SAFETY: reads a register.
        unsafe {
            std::arch::asm!("mrs {}, fpcr", out(reg) fpcr, options(nomem, nostack, preserves_flags));
        }
        Self { fpcr }
    }

    #[cold]
    fn write(self) {
        // SAFETY: a value that was read, or the default.
        unsafe {
            std::arch::asm!("msr fpcr, {}", in(reg) self.fpcr, options(nomem, nostack));
        }
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
impl FloatControl {
    const DEFAULT: Self = Self {};

    pub(super) fn read() -> Self {
        Self {}
    }

    fn write(self) {}
}

impl FloatControl {
    /// Sets these for the calling thread. If it has them already this costs only a read.
    #[inline]
    pub(super) fn restore(self) {
        if Self::read() != self {
            self.write();
        }
    }

    /// A task begins.
    #[inline]
    pub(super) fn reset() {
        Self::DEFAULT.restore();
    }
}
