using System.CommandLine;
using UnetResnet.Data;
using UnetResnet.Lab.Datasets;

namespace UnetResnet.Lab.Commands;

/// <summary><c>lab data</c>: remakes the images under <c>data/</c> from their source, and writes drawn ones.</summary>
internal static class DataCommand
{
    public static Command Create() => new("data", "Remake the bundled images from their source, or write drawn ones.") { CreateBrainMri(), SaltDataCommand.Create() };

    private static Command CreateBrainMri()
    {
        var source = new Option<DirectoryInfo>("--source")
        {
            Description = "Folder with ch2.nii.gz and ch2bet.nii.gz (Debian package mricron-data).",
            DefaultValueFactory = _ => new DirectoryInfo(BrainMriMaker.DefaultSource),
        };
        var output = new Option<DirectoryInfo>("--output")
        {
            Description = "Folder to write images/, masks/ and split.csv into.",
            DefaultValueFactory = _ => new DirectoryInfo(Path.Combine("data", "brain-mri")),
        };
        var command = new Command("brain-mri", "Cut slices and brain masks out of a T1-weighted MRI of a head.") { source, output };
        command.SetAction(result =>
        {
            string folder = result.GetRequiredValue(output).FullName;
            IReadOnlyList<BrainMriSlice> slices = BrainMriMaker.Make(result.GetRequiredValue(source).FullName, folder);
            Console.WriteLine(
                $"{folder}: {slices.Count(slice => slice.Part == "train")} training and {slices.Count(slice => slice.Part == "validation")} validation images.");
            return 0;
        });
        return command;
    }
}
