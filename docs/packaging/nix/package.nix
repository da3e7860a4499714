# antpool for nixpkgs: pkgs.callPackage ./package.nix { }
{
  lib,
  stdenv,
  cargo,
  cmake,
  rustc,
  rustPlatform,
  # A checkout of antpool; in nixpkgs, what fetches one.
  src ? ../../..,
}:

stdenv.mkDerivation {
  pname = "antpool";
  version = (lib.importTOML (src + "/Cargo.toml")).package.version;
  inherit src;

  cargoDeps = rustPlatform.importCargoLock { lockFile = src + "/Cargo.lock"; };
  nativeBuildInputs = [
    cargo
    cmake
    rustc
    rustPlatform.cargoSetupHook
  ];

  cmakeFlags = [
    (lib.cmakeBool "ANTPOOL_BUILD_EXAMPLES" false)
    (lib.cmakeBool "ANTPOOL_BUILD_TESTS" false)
  ];

  outputs = [
    "out"
    "dev"
    "man"
  ];

  meta = {
    description = "A pool of fixed capacity that runs C functions on recycled workers";
    license = lib.licenses.mit;
    platforms = lib.platforms.linux;
    pkgConfigModules = [ "antpool" ];
  };
}
