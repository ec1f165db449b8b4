/** Faults of the disk, injected into Deno's own functions. */

type Shape = readonly [
  name: "Error" | "TypeError" | "PermissionDenied" | "Interrupted",
  code: string | undefined,
  text: string,
];

/** Errors of Deno 2.9 by errno, as observed for real system calls: not all have a code. */
const LINUX: Readonly<Record<number, Shape>> = {
  1: ["PermissionDenied", "EPERM", "Operation not permitted"],
  4: ["Interrupted", undefined, "Interrupted system call"],
  5: ["Error", "EIO", "Input/output error"],
  12: ["Error", "ENOMEM", "Cannot allocate memory"],
  13: ["PermissionDenied", "EACCES", "Permission denied"],
  16: ["Error", "EBUSY", "Device or resource busy"],
  22: ["TypeError", "EINVAL", "Invalid argument"],
  23: ["Error", undefined, "Too many open files in system"],
  24: ["Error", "EMFILE", "Too many open files"],
  27: ["Error", undefined, "File too large"],
  28: ["Error", "ENOSPC", "No space left on device"],
  37: ["Error", undefined, "No locks available"],
  38: ["Error", undefined, "Function not implemented"],
  95: ["Error", "ENOTSUP", "Operation not supported"],
  116: ["Error", undefined, "Stale file handle"],
  122: ["Error", undefined, "Disk quota exceeded"],
};

const NUMBERS = {
  EPERM: 1,
  EINTR: 4,
  EIO: 5,
  ENOMEM: 12,
  EACCES: 13,
  EBUSY: 16,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  EFBIG: 27,
  ENOSPC: 28,
  ENOLCK: 37,
  ENOSYS: 38,
  ENOTSUP: 95,
  ESTALE: 116,
  EDQUOT: 122,
} as const;

/** Name of an error of the operating system. */
export type Errno = keyof typeof NUMBERS;

/** All errnos. */
export const ERRNOS = Object.keys(NUMBERS).filter((name): name is Errno => name in NUMBERS);

/** macOS's numbers of the errors that Deno gives by number alone. */
const MACOS: Partial<Record<Errno, number>> = { ENOLCK: 77, ENOSYS: 78, ESTALE: 70, EDQUOT: 69 };

/** Deno's error for an errno. */
export function systemError(errno: Errno, os = Deno.build.os): Error {
  const number = NUMBERS[errno];
  const [name, code, text] = LINUX[number]!;
  const shown = os === "darwin" ? MACOS[errno] ?? number : number;
  const message = `${text} (os error ${shown})`;
  const error = name === "Error"
    ? new Error(message)
    : name === "TypeError"
    ? new TypeError(message)
    : new Deno.errors[name](message);
  return code === undefined ? error : Object.assign(error, { code });
}

/** Replaces a method until disposal; `replaced` gets the original. */
export function replaceMethod<T extends object, K extends keyof T>(
  target: T,
  name: K,
  replaced: (real: T[K]) => T[K],
): Disposable {
  const real = target[name];
  target[name] = replaced(real);
  return { [Symbol.dispose]: () => void (target[name] = real) };
}

/** Methods of open files that can be made to fail. */
export const FILE_METHODS = [
  "syncSync",
  "statSync",
  "tryLockSync",
  "lock",
  "unlockSync",
  "seekSync",
  "truncateSync",
] as const;

/** Name of such a method. */
export type FileMethod = (typeof FILE_METHODS)[number];

/**
 * Makes a method of open files throw as long as `fault` gives an error; others go on.
 *
 * @param isMeant Selects the files. @default All
 */
export function failFiles(
  name: FileMethod,
  fault: () => Error | undefined,
  isMeant: (file: Deno.FsFile) => boolean = () => true,
): Disposable {
  return replaceMethod(Deno.FsFile.prototype, name, (real) => {
    const replaced = function (this: Deno.FsFile, ...args: unknown[]) {
      const error = isMeant(this) ? fault() : undefined;
      if (error !== undefined) throw error;
      return Reflect.apply(real, this, args);
    };
    return replaced as typeof real;
  });
}

/** Makes a function of Deno throw where `fault` gives an error for its path. */
export function failPaths(
  name: "openSync" | "renameSync" | "statSync" | "removeSync",
  fault: (path: string) => Error | undefined,
): Disposable {
  return replaceMethod(Deno, name, (real) => {
    const replaced = (...args: unknown[]) => {
      const error = fault(String(args[0]));
      if (error !== undefined) throw error;
      return Reflect.apply(real, Deno, args);
    };
    return replaced as typeof real;
  });
}
